// Package arch holds the rules of who may import whom, in a test. A package
// that breaks one fails there, with the rule in words.
package arch
