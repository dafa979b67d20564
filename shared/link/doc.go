// Package link is one MQTT session with a hub: how to reach it, whether to
// trust it, and what to tell a person when either fails. The agent and the
// hub's own command line use it; no other package imports paho.
//
// A session is one connection. It is never repaired: when it ends, Done closes,
// Err says why, and the caller dials anew after Backoff.Next. Nothing is kept
// from one session to the next but the TLS tickets in Trust, since every
// message between agent and hub is numbered and confirmed above MQTT.
//
// Layers, from the network up: wire (TCP: a deadline on every read and write,
// byte counts), then TLS and WebSocket where the URL asks for them, then conn
// (one writer at a time, and a guard that lets only well-formed packets of
// bounded size through to paho), then paho.
package link
