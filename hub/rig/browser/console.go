package browser

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/chromedp/chromedp"
)

// readConsole keeps the errors of a page: exceptions, console.error, failed
// requests, and what the Content-Security-Policy refused.
func (p *Page) readConsole(messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	defer p.reading.Done()
	for m, err := range messages {
		if err != nil {
			return // the page was closed
		}
		if !m.IsException() && m.Type != "error" && m.Type != "warning" && m.Type != "assert" {
			continue
		}
		p.mu.Lock()
		p.console = append(p.console, fmt.Sprintf("%s: %s (%s)", m.Type, m.Text, m.URL))
		p.mu.Unlock()
	}
}

// Expect says that complaints with this text are part of the test.
func (p *Page) Expect(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, text)
}

// Complaints are the errors and warnings of the page so far that nobody
// expected. A good page has none.
func (p *Page) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.console), func(complaint string) bool {
		return slices.ContainsFunc(p.expected, func(text string) bool { return strings.Contains(complaint, text) })
	})
}
