// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Progress shows a progress bar on a terminal, and a line for each quarter
// elsewhere. It is not safe for concurrent use.
type Progress struct {
	label string
	total int64
	err   io.Writer
	bar   *progressbar.ProgressBar // nil for plain lines
	lines int                      // quarters printed
}

// Progress returns a Progress of zero of total bytes. If total is not positive, it
// shows nothing.
func (c *Console) Progress(label string, total int64) *Progress {
	p := &Progress{label: Sanitize(label), total: total, err: c.Err}
	if fancy(c.Err) && total > 0 {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(c.Err),
			progressbar.OptionSetDescription(p.label),
			progressbar.OptionShowBytes(true),
			progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish())
	}
	return p
}

// Set shows that so many bytes are done. It ignores write errors, because progress
// is not worth a failure.
func (p *Progress) Set(done int64) {
	if p.total <= 0 {
		return
	}
	done = min(max(done, 0), p.total)
	if p.bar != nil {
		_ = p.bar.Set64(done)
		return
	}
	// 4·done may overflow an int64.
	if quarter := int(float64(done) / float64(p.total) * 4); quarter > p.lines {
		p.lines = quarter
		_, _ = fmt.Fprintf(p.err, "%s: %d%% of %s\n", p.label, quarter*25, Bytes(p.total))
	}
}

// Close removes the bar from the terminal. Later calls show nothing.
func (p *Progress) Close() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	p.total = 0
}

// Bytes formats a size for people, in units of 1000.
func Bytes(n int64) string {
	units := []string{"kB", "MB", "GB", "TB", "PB", "EB"}
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, u := float64(n)/1000, 0
	for v >= 999.95 && u < len(units)-1 {
		v, u = v/1000, u+1
	}
	return fmt.Sprintf("%.1f %s", v, units[u])
}
