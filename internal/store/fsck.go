package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"sluice/internal/db"
)

// Fsck compares a data folder with itself, both ways: rows with rows, rows with files, files with rows. It may run beside a
// server: rows are compared within one state of the database each, and a file that looks wrong is looked at again together
// with its row before anything is said. What lives at work are making is left alone.
//
//	rows  with rows    references, charges, journals, places: db.Faults
//	rows  with files   missing, short; ranges of a segment that overlap
//	files with rows    no row names it, and whoever began it has ended
//
// Bytes are not read: that is what Scrub is for, but for FsckConfig.Bytes.

// FsckConfig says what a check does.
type FsckConfig struct {
	Data string

	// Repair corrects counts, marks contents whose bytes are not there, and moves files that no row names into the folder
	// quarantine. It deletes nothing.
	Repair bool
	// Bytes also reads everything again and compares it with the hashes.
	Bytes bool
	// Strict excuses nothing: all lives but those at work have been cleaned up after, and no request is under way.
	Strict bool

	// OnCommit is called after what a repair changes: raises the change counter of a server that runs.
	OnCommit func()
	// Tell is called with every finding as it is found; nil: nobody listens.
	Tell func(Finding)

	Progress *Progress
}

// Finding is one thing that is not as it must be.
type Finding struct {
	Kind     string `json:"kind"`     // database, references, missing-file, … : fixed words
	Text     string `json:"text"`     // for people
	Note     bool   `json:"note"`     // nothing is lost and nothing needs to be done
	Repaired string `json:"repaired"` // what was done about it; empty: nothing
}

func (f Finding) String() string {
	if f.Repaired != "" {
		return f.Kind + ": " + f.Text + ": " + f.Repaired
	}
	return f.Kind + ": " + f.Text
}

// FsckReport is what a check has looked at, and what it found.
type FsckReport struct {
	Rows     db.RowCounts
	Files    int64 // looked at
	Bytes    int64 // read again
	Findings []Finding
}

// Damage lists the findings that are damage and were not repaired.
func (r *FsckReport) Damage() []Finding {
	var left []Finding
	for _, f := range r.Findings {
		if !f.Note && f.Repaired == "" {
			left = append(left, f)
		}
	}
	return left
}

func (r *FsckReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d contents, %d segments, %d chunks, %d names, %d past versions, %d holds, %d uploads, %d files, %d bytes read: %d findings",
		r.Rows.Contents, r.Rows.Segments, r.Rows.Chunks, r.Rows.Names, r.Rows.Past, r.Rows.Holds, r.Rows.Uploads, r.Files, r.Bytes, len(r.Findings))
	for _, f := range r.Findings {
		b.WriteString("\n" + f.String())
	}
	return b.String()
}

// What a check finds beside db's kinds.
const (
	findDatabase = string(db.FaultDatabase)
	findMissing  = "missing-file" // a row's file is not there
	findShort    = "short-file"   // or ends too early
	findBytes    = "bytes"        // or holds something else
	findOverlap  = "overlap"      // two contents on the same bytes of a segment
	findNoRow    = "no-row"       // a file that no row names
	findStranger = "stranger"     // a file that has no business here
	findSegment  = "segment"      // a row of segment
	findEnded    = "ended-upload" // what the keeper will remove
	findLife     = "life"         // what the next start will clean
	findMarked   = "damaged"      // a content known to be damaged
)

// checker is a check under way.
type checker struct {
	config FsckConfig
	s      *Store
	ctx    context.Context
	report *FsckReport
	backup bool // of a backup folder: it has no lives, no uploads' files, and of segments only what is named
}

// Fsck checks a data folder. The error is about the check itself; what it found stands in the report. A database that
// cannot be opened is a finding.
func Fsck(ctx context.Context, config FsckConfig) (*FsckReport, error) {
	report := new(FsckReport)
	f := folder(config.Data)
	if _, err := os.Stat(f.database()); err != nil {
		return nil, fmt.Errorf("there is no database: %w", err)
	}
	l, err := lockFile(f.schemaLock(), shared, commandWait)
	if err != nil {
		return nil, err
	}
	defer l.unlock()
	collector, err := lockFile(f.collectorLock(), shared, collectorWait)
	if err != nil {
		return nil, err
	}
	defer collector.unlock()
	c := &checker{config: config, ctx: ctx, report: report}
	c.s, err = newStore(Config{Data: config.Data, Slot: noSlot, OnCommit: config.OnCommit})
	if errors.Is(err, db.ErrDamaged) {
		c.find(findDatabase, "%v", err)
		return report, nil
	}
	if err != nil {
		return nil, err
	}
	err = c.run()
	return report, errors.Join(err, c.s.Close())
}

func (c *checker) run() error {
	return c.steps([]fsckStep{
		{"rows", c.rows}, {"lives", c.lives}, {"segments", c.segments}, {"objects", c.objects}, {"other files", c.strangers},
	})
}

// fsckStep is a part of a check.
type fsckStep struct {
	doing string
	do    func() error
}

func (c *checker) steps(all []fsckStep) error {
	for _, step := range all {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		c.config.Progress.Doing(step.doing, 0)
		err := step.do()
		if errors.Is(err, db.ErrDamaged) { // the other steps may still find something
			c.find(findDatabase, "%v", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// find notes damage.
func (c *checker) find(kind, format string, args ...any) { c.mend(kind, nil, format, args...) }

// note notes what is not damage, unless nothing is excused.
func (c *checker) note(kind, format string, args ...any) {
	c.add(Finding{Kind: kind, Text: fmt.Sprintf(format, args...), Note: !c.config.Strict})
}

// mend notes damage and, if that is wanted, repairs it: repair says what it did, or nothing where nothing was to be done.
func (c *checker) mend(kind string, repair func() (string, error), format string, args ...any) {
	f := Finding{Kind: kind, Text: fmt.Sprintf(format, args...)}
	if c.config.Repair && repair != nil {
		done, err := repair()
		if err != nil {
			f.Text += ": not repaired: " + err.Error()
		}
		f.Repaired = done
	}
	c.add(f)
}

func (c *checker) add(f Finding) {
	c.report.Findings = append(c.report.Findings, f)
	if c.config.Tell != nil {
		c.config.Tell(f)
	}
}

// rows compares rows with rows.
func (c *checker) rows() error {
	err := c.s.read(func(tx *db.Tx) (err error) {
		c.report.Rows, err = tx.CountRows()
		return err
	})
	if err != nil {
		return err
	}
	var all []db.Fault // a repair writes, and a snapshot is held while they come
	err = c.s.db.Faults(func(f db.Fault) { all = append(all, f) })
	for _, f := range all {
		c.mend(string(f.Kind), c.repairRow(f), "%s", f.Text)
	}
	return err
}

// lives looks whether everybody who is gone was cleaned up after.
func (c *checker) lives() error {
	all, err := c.s.unended(anySlot)
	if err != nil {
		return err
	}
	for _, id := range all {
		runs, err := lifeRuns(c.s.folder, id)
		if err != nil {
			return err
		}
		if !runs {
			c.note(findLife, "%d has died; what it left is cleaned by the next start", id)
		}
	}
	return nil
}
