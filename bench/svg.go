// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"text/template"
)

// Measures of the plot, in pixels.
const (
	plotWidth  = 800
	plotNames  = 170 // left end of the bars
	plotBars   = 530 // length of the longest bar, with room for its number
	rowHeight  = 22
	barHeight  = 13
	headHeight = 34
	plotMargin = 56 // for the title
)

// The colours are readable on white and on black backgrounds.
var plotTemplate = template.Must(template.New("plot").Parse(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{.Width}} {{.Height}}" width="{{.Width}}" height="{{.Height}}" role="img" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="13" fill="#7a828c">
<title>{{html .Title}}</title>
<text x="{{.Names}}" y="22" font-size="16" font-weight="600">{{html .Title}}</text>
<text x="{{.Names}}" y="42" font-size="12">{{html .Note}}</text>
{{range .Panels}}<text x="{{$.Names}}" y="{{.Y}}" font-weight="600">{{html .Title}}</text>
{{range .Bars}}<text x="{{.NameX}}" y="{{.TextY}}" text-anchor="end">{{html .Name}}</text>
<rect x="{{$.Names}}" y="{{.Y}}" width="{{.Length}}" height="{{$.Bar}}" rx="2" fill="{{.Colour}}"/>
<path d="M{{.Least}} {{.MidY}}H{{.Most}}" stroke="#7a828c" stroke-width="1.5"/>
<text x="{{.NumberX}}" y="{{.TextY}}">{{.Number}}</text>
{{end}}{{end}}<text x="{{.Names}}" y="{{.FootY}}" font-size="11">{{html .Foot}}</text>
</svg>
`))

type plotBar struct {
	Name, Number, Colour  string
	Y, TextY, MidY, NameX int
	Length                string
	Least, Most, NumberX  string
	factor                spread
}

type plotPanel struct {
	Title string
	Y     int
	Bars  []plotBar
}

type plotPage struct {
	Title, Note, Foot                string
	Width, Height, Names, Bar, FootY int
	Panels                           []plotPanel
}

// plot draws the speed of all candidates relative to the v0.1.0 method, on one scale.
func (r *report) plot() ([]byte, error) {
	page := plotPage{
		Title: "Speed of an update, relative to the v0.1.0 method",
		Note:  fmt.Sprintf("Whole processes, from start to exit. Bars: medians of %d runs; lines: minimum to maximum.", r.Runs),
		Foot:  fmt.Sprintf("%s, %d CPUs, %s, %s, %s", r.Host.Processor, r.Host.CPUs, r.Host.Platform, r.Host.Go, r.Host.FileSystem),
		Width: plotWidth, Names: plotNames, Bar: barHeight,
	}
	most := 0.0
	for _, c := range append(r.of(partLoopback), r.of(partFast)...) {
		panel := c.panel()
		for _, bar := range panel.Bars {
			most = max(most, bar.factor.Max)
		}
		page.Panels = append(page.Panels, panel)
	}
	if most == 0 {
		return nil, errors.New("nothing to plot: neither loopback nor 100mbit was measured")
	}
	page.place(most)
	var out bytes.Buffer
	err := plotTemplate.Execute(&out, page)
	return out.Bytes(), err
}

func (r *comparison) panel() plotPanel {
	link := "on loopback"
	if r.Part == partFast {
		link = "at 100 Mbit/s"
	}
	panel := plotPanel{Title: fmt.Sprintf("%s, %s, %s", r.Subject, size(r.Size), link)}
	base := r.result(v010)
	for i := range r.Results {
		l := &r.Results[i]
		bar := plotBar{Name: l.Name, Colour: "#9aa2ab"}
		if base != nil {
			bar.factor = l.speedup(base)
		}
		if strings.HasPrefix(l.Name, ours) {
			bar.Colour = "#3b82d6"
		}
		bar.Number = fmt.Sprintf("%.1f", bar.factor.Median)
		panel.Bars = append(panel.Bars, bar)
	}
	return panel
}

// place computes all coordinates. The longest line is most.
func (p *plotPage) place(most float64) {
	x := func(factor float64) string { return fmt.Sprintf("%.1f", plotNames+factor/most*plotBars) }
	y := plotMargin
	for i := range p.Panels {
		panel := &p.Panels[i]
		y += headHeight
		panel.Y = y - 10
		for j := range panel.Bars {
			bar := &panel.Bars[j]
			bar.Y, bar.TextY, bar.MidY, bar.NameX = y, y+barHeight-2, y+barHeight/2+1, plotNames-8
			bar.Length = fmt.Sprintf("%.1f", bar.factor.Median/most*plotBars)
			bar.Least, bar.Most = x(bar.factor.Min), x(bar.factor.Max)
			bar.NumberX = fmt.Sprintf("%.1f", plotNames+bar.factor.Max/most*plotBars+8)
			y += rowHeight
		}
	}
	p.FootY = y + 18
	p.Height = y + 30
}
