// Package engine syncs the local database with the hub: it dials, says hello,
// pushes the outbox, reads what is new, loads stores that are given to the
// site, and dials again when the link is lost.
//
// One goroutine owns a session and everything in it; others reach it through
// channels. What has to last is in the local database and in the site file, so
// that an end at any moment costs no more than what was on its way.
//
// A session never repairs anything by guessing: where an answer does not come
// or does not fit, it asks again from where the database stands, and where that
// does not help it ends, and the next one begins with a hello.
package engine
