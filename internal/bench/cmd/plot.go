package main

import (
	"flag"
	"fmt"
	"image/color"
	"io"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// picture is one plot: bars for a few workloads side by side, or lines where the workloads differ by a number.
type picture struct {
	file, title, unit string
	label             string  // of the vertical axis
	scale             float64 // a figure times this is shown
	bars              []string
	names             []string // below the bars
	lines             []line
	across            string // label of the horizontal axis of lines
	logarithmic       bool   // the vertical axis of lines too
}

// line is one family of workloads: prefix and number make the name of each.
type line struct {
	prefix  string
	numbers []int
	name    string // before the variant in the legend
}

// pictures are all there are, in the order of docs/BENCHMARKS.md.
func pictures() []picture {
	names := []int{10_000, 100_000, 1_000_000}
	return []picture{
		{file: "down.svg", title: "A large file down", unit: "GiB/s", label: "GiB/s", scale: 1,
			bars: []string{"Down/connections=1", "Down/connections=4", "DownFile"}, names: []string{"1 connection", "4 connections", "into a new file"}},
		{file: "up.svg", title: "A large file up", unit: "GiB/s", label: "GiB/s", scale: 1,
			bars: []string{"Up/connections=1", "Up/connections=4"}, names: []string{"1 connection", "4 connections"}},
		{file: "tree.svg", title: "A source tree up", unit: "files/s", label: "files/s", scale: 1,
			bars: []string{"Tree/first", "Tree/same", "Tree/copied", "Tree/changed"}, names: []string{"first", "unchanged", "second copy", "1 % changed"}},
		{file: "small.svg", title: "Small requests, 64 connections", unit: "ns/op", label: "us a request", scale: 1e-3,
			bars: []string{"Ping", "Get4K", "GetObjects4K"}, names: []string{"ping", "4 KiB, one each", "4 KiB, 100 each"}},
		{file: "connections.svg", title: "4 KiB contents, by connections", unit: "objects/s", label: "contents/s", scale: 1,
			across: "connections", lines: []line{{"Get4K/connections=", []int{1, 10, 100, 1000}, ""}}},
		{file: "names.svg", title: "One request, by names in the account", unit: "ns/op", label: "us", scale: 1e-3,
			across: "names", logarithmic: true, lines: []line{
				{"Names/op=ls/names=", names, "ls of 1,000, "}, {"Names/op=stat/names=", names, "stat, "}, {"Names/op=put/names=", names, "put, "},
				{"Names/op=mv/names=", names, "rename of all, "}}},
		{file: "stat.svg", title: "99th percentile of stat", unit: "p99-ns", label: "ms", scale: 1e-6,
			bars: []string{"Stat/bulk=0", "Stat/bulk=4"}, names: []string{"alone", "beside 4 bulk transfers"}},
		{file: "idle.svg", title: "An idle connection", unit: "pss-B/connection", label: "bytes of process memory", scale: 1,
			bars: []string{"Idle"}, names: []string{""}},
		{file: "connect.svg", title: "New connections", unit: "connections/s", label: "connections/s", scale: 1,
			bars: []string{"Connect", "Connect/token"}, names: []string{"hello", "hello with a token"}},
	}
}

// plotMain draws the pictures of a benchstat file. One without figures is left as it is.
func plotMain(args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("plot", flag.ContinueOnError)
	set.SetOutput(stderr)
	from := set.String("from", "bench-out/bench.txt", "benchstat file to draw")
	to := set.String("to", "docs/plots", "folder for the pictures")
	if err := set.Parse(args); err != nil {
		return 2
	}
	if err := drawAll(*from, *to, stdout); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func drawAll(from, to string, stdout io.Writer) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := readResults(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, pic := range pictures() {
		drawn, err := pic.draw(r)
		if err != nil {
			return fmt.Errorf("%s: %w", pic.file, err)
		}
		if drawn == nil {
			continue
		}
		path := filepath.Join(to, pic.file)
		if err := drawn.Save(18*vg.Centimeter, 9*vg.Centimeter, path); err != nil {
			return err
		}
		fmt.Fprintln(stdout, "Drawn:", path)
	}
	return nil
}

// draw is nil when there is nothing to draw.
func (pic picture) draw(r results) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = pic.title
	p.Y.Label.Text = pic.label
	p.Legend.Top, p.Legend.XOffs = true, -vg.Points(4)
	p.Legend.Padding = vg.Points(2)
	p.Add(plotter.NewGrid())
	any, err := pic.addBars(p, r)
	if err == nil && len(pic.lines) > 0 {
		any, err = pic.addLines(p, r)
	}
	if err != nil || !any {
		return nil, err
	}
	if !pic.logarithmic {
		p.Y.Min = 0
		p.Y.Max *= 1.25 // room for the legend
	}
	return p, nil
}

// addBars draws a group of bars for each workload, whiskers from the lowest to the highest run.
func (pic picture) addBars(p *plot.Plot, r results) (any bool, err error) {
	who := r.variants(pic.bars)
	width := 0.8 / float64(max(len(who), 1))
	for v, name := range who {
		var whiskers spreads
		for i, w := range pic.bars {
			low, mid, high, ok := r.spread(w, name, pic.unit)
			if !ok {
				continue
			}
			left := float64(i) - 0.4 + float64(v)*width
			bar, err := plotter.NewPolygon(plotter.XYs{
				{X: left, Y: 0}, {X: left, Y: mid * pic.scale}, {X: left + 0.9*width, Y: mid * pic.scale}, {X: left + 0.9*width, Y: 0},
			})
			if err != nil {
				return false, err
			}
			bar.Color, bar.LineStyle.Width = hue(name), 0
			p.Add(bar)
			if len(whiskers.at) == 0 {
				p.Legend.Add(name, bar)
			}
			whiskers.add(left+0.45*width, low*pic.scale, mid*pic.scale, high*pic.scale)
		}
		if len(whiskers.at) > 0 {
			any = true
			if err := whiskers.draw(p); err != nil {
				return false, err
			}
		}
	}
	if any {
		p.NominalX(pic.names...)
		p.X.Min, p.X.Max = -0.5, float64(len(pic.bars))-0.5
	}
	return any, nil
}

// addLines draws a line for each variant of each family, with whiskers as above.
func (pic picture) addLines(p *plot.Plot, r results) (any bool, err error) {
	for number, l := range pic.lines {
		var all []string
		for _, n := range l.numbers {
			all = append(all, fmt.Sprint(l.prefix, n))
		}
		for _, name := range r.variants(all) {
			var s spreads
			for i, w := range all {
				if low, mid, high, ok := r.spread(w, name, pic.unit); ok {
					s.add(float64(l.numbers[i]), low*pic.scale, mid*pic.scale, high*pic.scale)
				}
			}
			if len(s.at) == 0 {
				continue
			}
			any = true
			curve, points, err := plotter.NewLinePoints(s.at)
			if err != nil {
				return false, err
			}
			curve.Color, points.Color = hue(name), hue(name)
			curve.Width = vg.Points(1.5)
			curve.Dashes = [][]vg.Length{nil, {vg.Points(5), vg.Points(3)}, {vg.Points(1), vg.Points(3)}}[number%3]
			points.Shape = draw.CircleGlyph{}
			p.Add(curve, points)
			p.Legend.Add(l.name+name, curve)
			if err := s.draw(p); err != nil {
				return false, err
			}
		}
	}
	p.X.Label.Text = pic.across
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	if pic.logarithmic {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		p.Legend.Left, p.Legend.XOffs = true, vg.Points(4)
		p.Y.Max *= 100 // room for the legend, in decades
	}
	return any, nil
}

// hue is a variant's colour, the same in every picture, told apart by the colour-blind (Okabe and Ito).
func hue(variant string) color.Color {
	switch variant {
	case "sluice":
		return color.RGBA{R: 0, G: 114, B: 178, A: 255}
	case "floor":
		return color.RGBA{R: 150, G: 150, B: 150, A: 255}
	case "rsync":
		return color.RGBA{R: 230, G: 159, B: 0, A: 255}
	case "nginx":
		return color.RGBA{R: 0, G: 158, B: 115, A: 255}
	case "nginx-open":
		return color.RGBA{R: 86, G: 180, B: 233, A: 255}
	case "disk":
		return color.RGBA{R: 204, G: 121, B: 167, A: 255}
	}
	return color.Black
}

// spreads are medians with the way to the lowest and the highest run.
type spreads struct {
	at    plotter.XYs
	below []float64
	above []float64
}

func (s *spreads) add(x, low, mid, high float64) {
	s.at = append(s.at, plotter.XY{X: x, Y: mid})
	s.below, s.above = append(s.below, mid-low), append(s.above, high-mid)
}

func (s *spreads) Len() int                        { return len(s.at) }
func (s *spreads) XY(i int) (x, y float64)         { return s.at[i].X, s.at[i].Y }
func (s *spreads) YError(i int) (float64, float64) { return s.below[i], s.above[i] }

func (s *spreads) draw(p *plot.Plot) error {
	bars, err := plotter.NewYErrorBars(s)
	if err != nil {
		return err
	}
	bars.LineStyle.Color = color.Gray{Y: 60}
	p.Add(bars)
	return nil
}
