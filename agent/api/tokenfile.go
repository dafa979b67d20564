package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// The files of a data directory that hold tokens.
const (
	localFile    = "token"
	tokensFile   = "tokens.json"
	tokensFormat = 1
	tokenPrefix  = "sat_" // so that a token is known for one where it should not be
)

type savedToken struct {
	Token
	Hash hash `json:"hash"`
}

// hash is the SHA-256 of a token. Tokens are random, so a plain hash is enough.
type hash [sha256.Size]byte

// MarshalText writes hexadecimal digits.
func (h hash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

// UnmarshalText reads what MarshalText writes.
func (h *hash) UnmarshalText(text []byte) error {
	if len(text) != 2*len(h) {
		return errors.New("not a SHA-256")
	}
	_, err := hex.Decode(h[:], text)
	return err
}

func (t *Tokens) readLocal() error {
	path := filepath.Join(t.dir, localFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t.renewLocal()
	}
	if err != nil {
		return fmt.Errorf("read the local token: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	if len(secret) < 32 || len(secret) > maxTokenText {
		return sitesync.Errorf(sitesync.CodeInvalid, "delete it, and a new one is made", "the file %s holds no token", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read the local token: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(path, 0o600); err != nil {
			return fmt.Errorf("protect the local token: %w", err)
		}
	}
	t.setLocal(secret, info.ModTime())
	return nil
}

func (t *Tokens) renewLocal() error {
	secret := newSecret()
	if err := kv.WriteFileDurable(filepath.Join(t.dir, localFile), []byte(secret+"\n"), 0o600); err != nil {
		return err
	}
	t.setLocal(secret, time.Now())
	return nil
}

func (t *Tokens) setLocal(secret string, created time.Time) {
	t.local = savedToken{Token: Token{Name: LocalToken, Role: RoleAdmin, Created: sitesync.At(created)}, Hash: sha256.Sum256([]byte(secret))}
}

// tokenFile is the form of tokens.json.
type tokenFile struct {
	Format int          `json:"format"`
	Tokens []savedToken `json:"tokens"`
}

func (t *Tokens) readSaved() error {
	path := filepath.Join(t.dir, tokensFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the tokens: %w", err)
	}
	var file tokenFile
	if err := json.Unmarshal(text, &file); err != nil {
		return sitesync.Errorf(sitesync.CodeInvalid, "restore it from a backup, or delete it and make the tokens anew", "the file %s is damaged: %w", path, err)
	}
	if file.Format != tokensFormat {
		return sitesync.Errorf(sitesync.CodeDataNewer, "update this program", "the file %s has format %d, this program reads %d", path, file.Format, tokensFormat)
	}
	for _, s := range file.Tokens {
		if sitesync.CheckCommandID(s.Name) != nil || checkRole(s.Role) != nil {
			return sitesync.Errorf(sitesync.CodeInvalid, "restore it from a backup, or delete it and make the tokens anew", "the file %s has a token that cannot be", path)
		}
	}
	t.saved = file.Tokens
	slices.SortFunc(t.saved, func(a, b savedToken) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// save makes a new list durable before it counts.
func (t *Tokens) save(list []savedToken) error {
	text, err := json.MarshalIndent(tokenFile{Format: tokensFormat, Tokens: list}, "", "  ")
	if err != nil {
		return fmt.Errorf("write the tokens: %w", err)
	}
	if err := kv.WriteFileDurable(filepath.Join(t.dir, tokensFile), append(text, '\n'), 0o600); err != nil {
		return err
	}
	t.saved = list
	return nil
}

// newSecret makes 256 random bits.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}
