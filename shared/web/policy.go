package web

import (
	"net/http"
	"strings"
)

// rules of the Content-Security-Policy: everything comes from the page's own
// server, nothing is inline, and no other page may frame it. Trusted types
// take away the browser's own ways to make code of text.
const rules = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'none'; " +
	"frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'; connect-src 'self'"

func policy(*http.Request) string { return rules }

// webSocketPolicy names the WebSocket of the same host, since not every
// browser takes 'self' for it.
func webSocketPolicy(r *http.Request) string {
	switch {
	case !isHost(r.Host):
		return rules
	case r.TLS != nil:
		return rules + " wss://" + r.Host
	}
	return rules + " ws://" + r.Host + " wss://" + r.Host
}

// isHost says whether a Host header can be part of a policy.
func isHost(host string) bool {
	return host != "" && !strings.ContainsFunc(host, func(c rune) bool {
		return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune(".-:[]", c))
	})
}

func (p *Pages) protect(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", p.policy(r))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}
