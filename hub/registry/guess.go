package registry

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How many wrong passwords are looked at: a burst, then one per interval.
const (
	guessesPerName    = 10
	guessEveryName    = 10 * time.Second
	guessesPerAddress = 50
	guessEveryAddress = time.Second

	// Each entry stands for a wrong password that cost a hash in the last
	// minutes. The processor cannot do so many; the bound is for the memory.
	mostGuessers = 1 << 14
)

// guesses counts wrong passwords per name and per address.
type guesses struct {
	seed maphash.Seed

	mu      sync.Mutex
	limiter map[guesser]*rate.Limiter
}

// guesser is a name or an address, as a hash: both come from strangers.
type guesser struct {
	address bool
	hash    uint64
}

func newGuesses() *guesses {
	return &guesses{seed: maphash.MakeSeed(), limiter: make(map[guesser]*rate.Limiter)}
}

func (g *guesses) guessers(name, address string) [2]guesser {
	return [2]guesser{
		{false, maphash.String(g.seed, name)},
		{true, maphash.String(g.seed, network(address))},
	}
}

// network gives what one guesser can easily hold: an IPv4 address, or the /64
// around an IPv6 address.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}

// spent reports whether the name or the address has used up its guesses.
func (g *guesses) spent(name, address string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, who := range g.guessers(name, address) {
		if l := g.limiter[who]; l != nil && l.Tokens() < 1 {
			return true
		}
	}
	return false
}

// wrong counts a wrong password.
func (g *guesses) wrong(name, address string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, who := range g.guessers(name, address) {
		l := g.limiter[who]
		if l == nil {
			g.makeRoom()
			l = who.newLimiter()
			g.limiter[who] = l
		}
		l.Allow()
	}
}

func (who guesser) newLimiter() *rate.Limiter {
	if who.address {
		return rate.NewLimiter(rate.Every(guessEveryAddress), guessesPerAddress)
	}
	return rate.NewLimiter(rate.Every(guessEveryName), guessesPerName)
}

// makeRoom forgets those who have all their guesses again, and when that does
// not free a quarter, others.
func (g *guesses) makeRoom() {
	if len(g.limiter) < mostGuessers {
		return
	}
	for who, l := range g.limiter {
		if l.Tokens() >= float64(l.Burst()) {
			delete(g.limiter, who)
		}
	}
	for who := range g.limiter {
		if len(g.limiter) <= mostGuessers*3/4 {
			break
		}
		delete(g.limiter, who)
	}
}

// verdict is what became of a password that was presented.
type verdict uint8

const (
	wrongPassword verdict = iota
	rightPassword
	limitedGuess // not looked at
	busyHashing  // not looked at
)

// guess compares a presented password with a hash, "" for that of nobody. name
// is whose guesses it counts among.
func (r *Registry) guess(name, address, phc string, secret []byte) (verdict, error) {
	if r.guesses.spent(name, address) {
		return limitedGuess, nil
	}
	if !r.hasher.tryEnter() {
		return busyHashing, nil
	}
	defer r.hasher.leave()
	// Those who entered before may have spent what was left: looking again here
	// bounds the guesses at the limit plus the slots.
	if r.guesses.spent(name, address) {
		return limitedGuess, nil
	}
	right, err := r.hasher.matches(phc, string(secret))
	if err != nil {
		return wrongPassword, err
	}
	if !right {
		r.guesses.wrong(name, address)
		return wrongPassword, nil
	}
	return rightPassword, nil
}
