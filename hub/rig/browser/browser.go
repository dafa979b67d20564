// Package browser drives a real browser, headless, as a person would: it finds
// what to click by role and name, as a screen reader says them, and keeps what
// the browser complains about.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// programs are the names that Chromium has.
var programs = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// Browser is a headless Chromium with a profile of its own, which goes with it.
type Browser struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// Start starts a browser that asks for pages in a language (en, fr-FR).
func Start(language string) (*Browser, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.DisableGPU,
		chromedp.Flag("lang", language), chromedp.Flag("accept-lang", language), chromedp.IgnoreCertErrors)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses a sandbox as root
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	b := &Browser{ctx: ctx, cancel: func() { cancel(); stop() }}
	if err := chromedp.Do(ctx); err != nil {
		b.cancel()
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	return b, nil
}

func find() (string, error) {
	for _, name := range programs {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", errors.New("no Chromium here: install it (Debian: apt-get install chromium, or task packages)")
}

// Close ends the browser and removes its profile.
func (b *Browser) Close() { b.cancel() }

// Look is how a page is shown.
type Look struct {
	Width, Height int64 // 0: 1280 × 800
	Dark          bool
}

// Page opens an empty page that shares nothing with others: no storage, no
// sessions.
func (b *Browser) Page(look Look) (*Page, error) {
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	p := &Page{ctx: ctx, close: cancel}
	p.reading.Add(1)
	go p.readConsole(chromedp.Console(ctx))
	return p, p.Show(look)
}

// Page is one tab of a browser. Its methods wait for what they need, up to
// Patience; elements are named by role and accessible name, as a screen reader
// would say them.
type Page struct {
	ctx     context.Context
	close   context.CancelFunc
	reading sync.WaitGroup

	mu       sync.Mutex
	console  []string
	expected []string
}

// Patience is how long a page may take to show something.
const Patience = time.Minute

// Close closes the tab.
func (p *Page) Close() {
	p.close()
	p.reading.Wait()
}

// Show sets the size and the colours that the person prefers.
func (p *Page) Show(look Look) error {
	if look.Width == 0 {
		look.Width, look.Height = 1280, 800
	}
	scheme := "light"
	if look.Dark {
		scheme = "dark"
	}
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		return err
	}
	return chromedp.Do(p.ctx, chromedp.EmulateViewport(look.Width, look.Height))
}
