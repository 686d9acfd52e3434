package web

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sluice/internal/metrics"
)

const index = "Sluice\n\n/metrics   counters, for Prometheus\n/healthz   200: this process answers\n/readyz    200: a write would succeed\n"

// handler serves the paths there are.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics.Registry(s.cfg.Page, s.cfg.Version), promhttp.HandlerOpts{
		MaxRequestsInFlight: scrapesAtOnce,
		DisableCompression:  true, // it would cost more than loopback does
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, index) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			say(w, http.StatusServiceUnavailable, "this worker is leaving\n")
			return
		}
		defer s.leave()
		defer s.rescue()
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !local(r.Host) {
			say(w, http.StatusForbidden, "ask for localhost or an address: a name could be anybody's\n")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// local refuses the names by which a web page elsewhere could make a browser on this machine read what is here.
func local(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if name == "" || strings.EqualFold(name, "localhost") { // none: HTTP/1.0
		return true
	}
	_, err = netip.ParseAddr(name)
	return err == nil
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// A peer that has gone is no concern of ours.
	_, _ = io.WriteString(w, text)
}
