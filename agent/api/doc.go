// Package api is the agent's local HTTP/JSON API, for the facility's
// application and for the people at the device. configs/openapi.yaml
// describes it for other languages; a test holds the two together.
//
// A write is durable on this device when it is answered, whether the hub can
// be reached or not. What the answer calls n is the change's number, by which
// GET /v1/receipts tells later what became of it at the hub.
//
// A request passes these checks, in this order, and the first that fails
// answers: the Host it was sent to (421), its Origin (403), its token (401),
// the path (404), the method (405), the token's role (403), the query (400),
// and then what its route wants. Without a token there are the files of the
// page and the way to a session (session.go). The Host and Origin checks are what keeps a
// web page, whose host name was made to point here (DNS rebinding), out.
package api
