package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
)

//go:embed static
var static embed.FS

// shared is the folder of a page's tree in which the shared files lie.
const shared = "web"

// indexName is the one file that keeps its address.
const indexName = "index.html"

// assetsMark in the index stands for the address of the assets.
const assetsMark = "{{assets}}"

// types are the kinds of files that a page consists of, by extension.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
	".md":   "text/markdown; charset=utf-8",
}

// Pages serves a page at /, and its files below /assets/.
type Pages struct {
	index  *file
	files  map[string]*file // by the path in the URL
	policy func(*http.Request) string
}

// New prepares a page. The page's own files are those of own. A page that
// talks to its server by WebSocket says so.
func New(own fs.FS, webSocket bool) (*Pages, error) {
	common, err := fs.Sub(static, "static")
	if err != nil {
		return nil, err
	}
	tree := map[string][]byte{}
	if err := read(tree, "", own); err != nil {
		return nil, err
	}
	if err := read(tree, shared, common); err != nil {
		return nil, err
	}
	index, ok := tree[indexName]
	if !ok {
		return nil, fmt.Errorf("web: a page without %s", indexName)
	}
	delete(tree, indexName)
	base := "/assets/" + treeHash(tree)
	p := &Pages{files: map[string]*file{}, policy: policy}
	if webSocket {
		p.policy = webSocketPolicy
	}
	for name, content := range tree {
		p.files[base+"/"+name] = newFile(content, types[path.Ext(name)])
	}
	index = bytes.ReplaceAll(preloads(index, tree, base), []byte(assetsMark), []byte(base))
	p.index = newFile(index, types[".html"])
	return p, nil
}

// read takes all files of a tree up below a folder.
func read(into map[string][]byte, folder string, from fs.FS) error {
	return fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if types[path.Ext(name)] == "" {
			return fmt.Errorf("web: %s has no known type", name)
		}
		full := path.Join(folder, name)
		if into[full] != nil {
			return fmt.Errorf("web: %s is a shared file and a page's own", full)
		}
		into[full], err = fs.ReadFile(from, name)
		return err
	})
}

// ServeHTTP serves GET and HEAD.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.protect(w, r)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	if r.URL.Path == "/" {
		p.index.serve(w, r, "no-cache")
		return
	}
	f, ok := p.files[r.URL.Path]
	if !ok {
		http.Error(w, "there is no such page; the program may have been updated: load the page anew", http.StatusNotFound)
		return
	}
	f.serve(w, r, "public, max-age=31536000, immutable")
}

// Size is what a browser that knows nothing loads at most, in compressed bytes.
func (p *Pages) Size() (size int) {
	for _, f := range p.files {
		size += len(f.gzipped())
	}
	return size + len(p.index.gzipped())
}

// treeHash names the state of all files together.
func treeHash(tree map[string][]byte) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		fmt.Fprintf(sum, "%s %d\n", name, len(tree[name]))
		sum.Write(tree[name])
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
