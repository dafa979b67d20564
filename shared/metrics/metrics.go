// Package metrics gives a program's numbers to Prometheus. It is the only
// import of Prometheus' client library. Most numbers are kept where they come
// about anyway, and are read when somebody asks: a Reader emits them.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metric is a number with a name and, for each combination of its labels, a
// value.
type Metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// Gauge describes a number that goes up and down.
func Gauge(name, help string, labels ...string) *Metric {
	return &Metric{prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue}
}

// Counter describes a number that only grows, but for a restart.
func Counter(name, help string, labels ...string) *Metric {
	return &Metric{prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue}
}

// Emit tells the value of a metric, with the values of its labels in their
// order.
type Emit func(m *Metric, value float64, labels ...string)

// Histogram counts how long something took. Its methods may be called from any
// goroutine.
type Histogram struct{ h prometheus.Histogram }

// NewHistogram makes a histogram of seconds. The buckets reach from a tenth of
// a millisecond to a minute.
func NewHistogram(name, help string) *Histogram {
	return &Histogram{prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help,
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}})}
}

// Took adds what began at a time and ends now.
func (h *Histogram) Took(began time.Time) { h.h.Observe(time.Since(began).Seconds()) }

// Set is all metrics of a program.
type Set struct{ registry *prometheus.Registry }

// New makes a set with what is said of every program: its version, and what it
// takes of the machine. name is the metric of the version.
func New(name, version string) *Set {
	s := &Set{prometheus.NewPedanticRegistry()}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	build := Gauge(name, "Always 1; the label is the program's version.", "version")
	s.Read(func(emit Emit) { emit(build, 1, version) }, build)
	return s
}

// Add adds histograms.
func (s *Set) Add(histograms ...*Histogram) {
	for _, h := range histograms {
		s.registry.MustRegister(h.h)
	}
}

// Read has fn emit metrics whenever somebody asks. It emits none but those.
func (s *Set) Read(fn func(Emit), metrics ...*Metric) { s.registry.MustRegister(&reader{fn, metrics}) }

// Handler answers with the metrics as Prometheus reads them.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, EnableOpenMetrics: true})
}

type reader struct {
	fn      func(Emit)
	metrics []*Metric
}

// Describe implements prometheus.Collector.
func (r *reader) Describe(out chan<- *prometheus.Desc) {
	for _, m := range r.metrics {
		out <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (r *reader) Collect(out chan<- prometheus.Metric) {
	r.fn(func(m *Metric, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
	})
}
