// Package web serves the pages of both programs from memory, and holds what
// the two have in common: the look, the small view library, words and formats.
//
// A page is a tree of static files with an index.html. There is no build step:
// the browser loads ES modules, which import one another by relative paths. A
// page's own files and the shared ones, these below web/, are served together
// below /assets/<hash of all>/, so that a browser may keep them for good and a
// new version of the program is never mixed with an older one.
package web
