package api

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

func TestListen(t *testing.T) {
	config := &tls.Config{}
	for _, c := range []struct {
		address string
		config  *tls.Config
		hosts   []string
		ok      bool
	}{
		{"127.0.0.1:0", nil, nil, true},
		{"localhost:0", nil, nil, true},
		{"127.0.0.1:0", config, nil, true},
		{"0.0.0.0:0", nil, nil, false},
		{":0", nil, nil, false},
		{":0", config, nil, false},
		{":0", nil, []string{"till"}, false},
		{"192.0.2.1:0", nil, nil, false},
		{"nonsense", nil, nil, false},
		{"127.0.0.1:99999", nil, nil, false},
	} {
		l, err := Listen(c.address, c.config, c.hosts)
		if c.ok != (err == nil) || err != nil && sitesync.CodeOf(err) != sitesync.CodeUsage {
			t.Errorf("%s: error %v", c.address, err)
		}
		if l != nil {
			if _, err := Listen(l.Addr().String(), c.config, c.hosts); sitesync.CodeOf(err) != sitesync.CodeUsage {
				t.Errorf("an address in use: error %v", err)
			}
			check(t, l.Close())
		}
	}
}

func TestListenerHasRoom(t *testing.T) {
	l, err := Listen("127.0.0.1:0", nil, nil)
	check(t, err)
	in := l.(*limited)
	in.room = make(chan struct{}, 1)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		check(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	dial()
	dial()
	first, err := l.Accept()
	check(t, err)
	second := make(chan error)
	go func() {
		_, err := l.Accept()
		second <- err
	}()
	select {
	case err := <-second:
		t.Fatalf("a second connection was taken while there was room for one: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	first.Close()
	first.Close() // leaves once
	check(t, <-second)
	go func() {
		_, err := l.Accept()
		second <- err
	}()
	check(t, l.Close())
	if err := <-second; err == nil {
		t.Error("a closed listener accepts")
	}
}

func TestServe(t *testing.T) {
	d := newDevice(t)
	ctx, stop := context.WithCancel(context.Background())
	l, err := Listen("127.0.0.1:0", nil, nil)
	check(t, err)
	ended := make(chan error)
	go func() { ended <- d.api.Serve(ctx, l) }()
	r, err := http.NewRequest("GET", "http://"+l.Addr().String()+"/v1/stores/NAD1/changes", nil)
	check(t, err)
	r.Header.Set("Authorization", "Bearer "+d.app)
	answer, err := http.DefaultClient.Do(r)
	check(t, err)
	defer answer.Body.Close()
	stop() // an open stream of events does not hold it up
	check(t, <-ended)
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the address still answers")
	}
}

func TestServeTLS(t *testing.T) {
	d := newDevice(t)
	pair := httptest.NewUnstartedServer(nil)
	pair.StartTLS()
	defer pair.Close()
	l, err := Listen("127.0.0.1:0", &tls.Config{Certificates: pair.TLS.Certificates}, []string{"example.com"})
	check(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- d.api.Serve(ctx, l) }()
	r, err := http.NewRequest("GET", "https://"+l.Addr().String()+"/v1/status", nil)
	check(t, err)
	r.Header.Set("Authorization", "Bearer "+d.app)
	client := pair.Client()
	answer, err := client.Do(r)
	check(t, err)
	answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Errorf("answer %s", answer.Status)
	}
	client.CloseIdleConnections()
	stop()
	check(t, <-ended)
}
