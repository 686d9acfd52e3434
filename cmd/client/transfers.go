package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/client"
	"sluice/internal/syncer"
)

func (p *program) transfersCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "transfers",
		Short: "What was begun and is not done: list, pause, go on, give up",
		Long: `A put, get, push or pull that was interrupted, was killed or lost its server is remembered, with how far it came. To go on
sends or fetches only what is missing. An upload can be gone on with by any device of the account: give the same file.`,
		Example: `  sluice transfers ls
  sluice transfers ls work:          and what other devices have begun on that server
  sluice transfers resume --all      after a crash, a reboot or a train ride
  sluice transfers pause 3
  sluice transfers cancel 3          give it up and remove what came of it`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usagef("say ls, pause, resume or cancel: `sluice transfers ls`")
		},
	}
	c.AddCommand(p.transfersLs(), p.transfersPause(), p.transfersResume(), p.transfersCancel())
	return c
}

// stateFile is where this client remembers.
func (p *program) stateFile() (string, error) {
	dir, err := p.stateFolder()
	return filepath.Join(dir, "state.db"), err
}

// beginRun lets this run be remembered.
func (p *program) beginRun(remote string, progress *syncer.Progress) *syncer.Run {
	path, err := p.stateFile()
	if err != nil {
		return nil
	}
	return syncer.BeginRun(path, p.args, remote, progress)
}

func (p *program) transfersLs() *cobra.Command {
	return p.command(&cobra.Command{
		Use:   "ls [REMOTE:]",
		Short: "List what is not done, here and, with a remote, on the server",
		Example: `  sluice transfers ls
  sluice transfers ls home: --json`,
		Args:              arguments(cobra.MaximumNArgs(1)),
		ValidArgsFunction: p.completeRemotes,
	}, func(ctx context.Context, args []string) error {
		path, err := p.stateFile()
		if err != nil {
			return err
		}
		all, err := syncer.AllUnfinished(path)
		if err != nil {
			return err
		}
		var uploads []client.Unfinished
		if len(args) > 0 {
			s, err := p.connect(ctx, strings.TrimSuffix(args[0], ":"))
			if err != nil {
				return err
			}
			defer s.close()
			if uploads, err = s.Uploads(ctx); err != nil {
				return err
			}
		}
		if p.flags.json {
			return p.transfersJSON(all, uploads)
		}
		p.transfersTable(all, uploads)
		return nil
	})
}

func (p *program) transfersJSON(all []syncer.Unfinished, uploads []client.Unfinished) error {
	type transfer struct {
		ID      int64    `json:"id"`
		Stage   string   `json:"stage"`
		Command []string `json:"command"`
		Dir     string   `json:"dir"`
		Remote  string   `json:"remote"`
		Done    int64    `json:"done"`
		Total   int64    `json:"total"`
		Began   string   `json:"began"`
		Touched string   `json:"touched"`
		Reason  string   `json:"reason,omitempty"`
	}
	type upload struct {
		Upload  int64  `json:"upload"`
		Label   string `json:"label"`
		Device  string `json:"device"`
		Size    int64  `json:"size"`
		Present int64  `json:"present"`
		Began   string `json:"began"`
		Touched string `json:"touched"`
	}
	out := struct {
		Transfers []transfer `json:"transfers"`
		Uploads   []upload   `json:"uploads"`
	}{[]transfer{}, []upload{}}
	for i := range all {
		u := &all[i]
		var command []string
		for _, a := range u.Command {
			command = append(command, nameJSON(a))
		}
		out.Transfers = append(out.Transfers, transfer{u.ID, u.Stage(), command, nameJSON(u.Dir), u.Remote, u.Done, u.Total,
			timeJSON(u.Began), timeJSON(u.Touched), u.Reason})
	}
	for _, u := range uploads {
		out.Uploads = append(out.Uploads, upload{u.Upload, nameJSON(u.Label), nameJSON(u.Device), u.Size, u.Present, timeJSON(u.Began), timeJSON(u.Touched)})
	}
	return p.printJSON(out)
}

func timeJSON(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339) }

func (p *program) transfersTable(all []syncer.Unfinished, uploads []client.Unfinished) {
	if len(all)+len(uploads) == 0 {
		p.say("nothing is unfinished")
		return
	}
	w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
	if len(all) > 0 {
		fmt.Fprintln(w, "ID\tSTAGE\tDONE\tLAST\tCOMMAND")
	}
	for i := range all {
		u := &all[i]
		fmt.Fprintf(w, "%d\t%s\t%s\t%s ago\tsluice %s\n", u.ID, u.Stage(), share(u.Done, u.Total), duration(time.Since(time.Unix(0, u.Touched))), visible(shellWords(u.Command)))
		if u.Reason != "" {
			fmt.Fprintf(w, "\t\t\t\t  %s\n", visible(u.Reason))
		}
	}
	if len(uploads) > 0 {
		fmt.Fprintln(w, "UPLOAD\tDEVICE\tDONE\tLAST\tFILE")
	}
	for _, u := range uploads {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s ago\t%s\n", u.Upload, visible(u.Device), share(u.Present, u.Size), duration(time.Since(time.Unix(0, u.Touched))), visible(u.Label))
	}
	w.Flush()
}

// share is how much of a whole is done, for people.
func share(done, total int64) string {
	if total <= 0 {
		return size(done)
	}
	return fmt.Sprintf("%d%% of %s", min(done, total)*100/total, size(total))
}

// shellWords is a command as it can be typed.
func shellWords(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		if w == "" || strings.ContainsAny(w, " \t\n\\'\"$`*?[]#~=%!|&;<>(){}") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		b.WriteString(w)
	}
	return b.String()
}

// chosen are the transfers that the arguments mean.
func (p *program) chosen(args []string, every bool) (path string, list []syncer.Unfinished, err error) {
	if every == (len(args) > 0) {
		return "", nil, usagef("say which by their numbers in `sluice transfers ls`, or --all")
	}
	if path, err = p.stateFile(); err != nil {
		return "", nil, err
	}
	all, err := syncer.AllUnfinished(path)
	if err != nil || every {
		return path, all, err
	}
next:
	for _, a := range args {
		id, err := strconv.ParseInt(a, 10, 64)
		if err != nil {
			return "", nil, usagef("%s is no number of a transfer: see `sluice transfers ls`", visible(a))
		}
		for i := range all {
			if all[i].ID == id {
				list = append(list, all[i])
				continue next
			}
		}
		return "", nil, notFoundError(fmt.Sprintf("there is no transfer %d: see `sluice transfers ls`", id))
	}
	return path, list, nil
}

// onEach makes a command that does something with each transfer that is named. What fails does not keep it from the next.
func (p *program) onEach(use, short, example, done string, do func(ctx context.Context, path string, u *syncer.Unfinished) error) *cobra.Command {
	var every, dry bool
	c := p.command(&cobra.Command{Use: use, Short: short, Example: example}, func(ctx context.Context, args []string) error {
		path, list, err := p.chosen(args, every)
		if err != nil {
			return err
		}
		var failed []error
		for i := range list {
			u := &list[i]
			if !dry {
				err = do(ctx, path, u)
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("transfer %d: %w", u.ID, err))
				continue
			}
			if p.flags.json {
				err = p.printJSON(struct {
					Event string `json:"event"`
					ID    int64  `json:"id"`
				}{done, u.ID})
			} else if dry {
				p.say("would be %s: %d, sluice %s", done, u.ID, visible(shellWords(u.Command)))
			} else {
				p.say("%s: %d", done, u.ID)
			}
			if err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		return errors.Join(failed...)
	})
	c.Flags().BoolVar(&every, "all", false, "all that are not done")
	dryRun(c.Flags(), &dry)
	return c
}

func (p *program) transfersPause() *cobra.Command {
	return p.onEach("pause ID...|--all", "Stop what runs, so that it can be gone on with", `  sluice transfers pause 3
  sluice transfers pause --all`, "paused", func(_ context.Context, path string, u *syncer.Unfinished) error { return u.Pause(path) })
}

func (p *program) transfersResume() *cobra.Command {
	return p.onEach("resume ID...|--all", "Go on with what was paused or interrupted", `  sluice transfers resume 3
  sluice transfers resume --all`, "done", p.resume)
}

// resume runs the same command again, in the same folder, as a process of its own: it was typed with another one's
// flags. What runs is left alone.
func (p *program) resume(ctx context.Context, _ string, u *syncer.Unfinished) error {
	if u.Running {
		return usagef("it is running, as process %d", u.Pid)
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	c := exec.Command(program, u.Command...) // not ended with ctx: an interrupt reaches it by itself, and it ends cleanly
	c.Dir, c.Stdout, c.Stderr = u.Dir, p.stdout, p.stderr
	p.gentle.Store(true)
	var exit *exec.ExitError
	if err := c.Run(); errors.As(err, &exit) {
		return endedError{exit.ExitCode(), shellWords(u.Command)}
	} else if err != nil {
		return fmt.Errorf("run it again: %w", err)
	}
	return ctx.Err()
}

// endedError is a command that was gone on with and did not end well; it has said why itself.
type endedError struct {
	code    int
	command string
}

func (e endedError) Error() string {
	return fmt.Sprintf("`sluice %s` ended with %d", visible(e.command), e.code)
}

func (e endedError) ExitCode() int {
	if e.code < 0 { // by a signal
		return client.ExitOther
	}
	return e.code
}

func (p *program) transfersCancel() *cobra.Command {
	return p.onEach("cancel ID...|--all", "Give up, and remove what came of it here and on the server", `  sluice transfers cancel 3
  sluice transfers cancel -n --all`, "cancelled", func(ctx context.Context, path string, u *syncer.Unfinished) error {
		return u.Cancel(path, func(uploads []int64) error {
			s, err := p.connect(ctx, u.Remote)
			if err != nil {
				return err
			}
			defer s.close()
			for _, upload := range uploads {
				if err := s.UploadCancel(ctx, upload); err != nil && client.CodeOf(err) != client.NotFound {
					return err
				}
			}
			return nil
		})
	})
}
