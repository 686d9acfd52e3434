package main

import (
	"fmt"
	"io"
	"os"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"sluice/internal/cli"
)

// priorityError is syslog's number for an error.
const priorityError = 3

// newLog makes the log on w. To the journal each line goes with its priority in front,
// and without a time: the journal has its own.
func newLog(w io.Writer, level, format string) (*logrus.Logger, error) {
	log := logrus.New()
	log.SetOutput(w)
	return log, setLog(log, w, level, format)
}

// setLog changes a log's level and format, also while it is in use.
func setLog(log *logrus.Logger, w io.Writer, level, format string) error {
	parsed, err := logrus.ParseLevel(level)
	if err != nil {
		return cli.Usagef("log level %q: want error, warn, info or debug", level)
	}
	journal := toJournal(w)
	const millis = "2006-01-02T15:04:05.000Z07:00"
	var formatter logrus.Formatter = &logrus.TextFormatter{
		DisableColors: true, FullTimestamp: true, TimestampFormat: millis, DisableTimestamp: journal,
	}
	if format == "json" {
		formatter = &logrus.JSONFormatter{TimestampFormat: millis, DisableTimestamp: journal}
	}
	if journal {
		formatter = prioritized{formatter}
	}
	log.SetLevel(parsed)
	log.SetFormatter(formatter)
	return nil
}

// prioritized writes syslog's priority before each line, as the journal reads it.
type prioritized struct{ logrus.Formatter }

func (p prioritized) Format(entry *logrus.Entry) ([]byte, error) {
	line, err := p.Formatter.Format(entry)
	if err != nil {
		return nil, err
	}
	return append(fmt.Appendf(make([]byte, 0, len(line)+3), "<%d>", priority(entry.Level)), line...), nil
}

func priority(level logrus.Level) int {
	switch level {
	case logrus.PanicLevel, logrus.FatalLevel:
		return 2
	case logrus.ErrorLevel:
		return priorityError
	case logrus.WarnLevel:
		return 4
	case logrus.InfoLevel:
		return 6
	}
	return 7
}

// toJournal tells whether w is the stream systemd says leads to the journal: the variable
// alone may be inherited by a program whose output goes elsewhere.
func toJournal(w io.Writer) bool {
	file, ok := w.(*os.File)
	said := os.Getenv("JOURNAL_STREAM")
	if !ok || said == "" {
		return false
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil { // lint:allow standard error blocks anyway
		return false
	}
	return said == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// journalPrefix is what a line outside of the log has in front.
func journalPrefix(w io.Writer, priority int) string {
	if toJournal(w) {
		return fmt.Sprintf("<%d>", priority)
	}
	return ""
}
