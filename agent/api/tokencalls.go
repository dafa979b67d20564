package api

import "net/http"

// NewToken asks for a token.
type NewToken struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
}

// CreatedToken answers it. The text of the token is shown this once.
type CreatedToken struct {
	Name  string `json:"name"`
	Role  Role   `json:"role"`
	Token string `json:"token"`
}

func (s *Server) listTokens(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, list[Token]{Items: s.tokens.List()})
}

func (s *Server) postToken(w http.ResponseWriter, r *http.Request) error {
	var n NewToken
	if err := decode(w, r, &n); err != nil {
		return err
	}
	secret, err := s.tokens.Create(n.Name, n.Role)
	if err != nil {
		return err
	}
	s.log.Info("token created", keyToken, n.Name)
	return answer(w, http.StatusCreated, CreatedToken{Name: n.Name, Role: n.Role, Token: secret})
}

func (s *Server) deleteToken(w http.ResponseWriter, r *http.Request) error {
	if err := noBody(w, r); err != nil {
		return err
	}
	name := r.PathValue("name")
	if err := s.tokens.Revoke(name); err != nil {
		return err
	}
	s.log.Info("token revoked", keyToken, name)
	return answer(w, http.StatusOK, struct{}{})
}
