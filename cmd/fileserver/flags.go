package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// flags is what the command line says about settings; what it does not mention comes
// from elsewhere (see load).
type flags struct {
	config string
	given  map[string]string // by setting, as text; a repeated list is joined by commas
}

func newFlags() *flags { return &flags{given: make(map[string]string)} }

func (f *flags) addCommon(set *pflag.FlagSet) {
	set.StringVar(&f.config, "config", "", "configuration `FILE` (else /etc/sluice/sluiced.toml if it is there)")
	f.add(set, true)
}

func (f *flags) addServe(set *pflag.FlagSet) { f.add(set, false) }

// addOne adds a setting of the server to another command that heeds it.
func (f *flags) addOne(set *pflag.FlagSet, name string) {
	f.addRows(set, func(row setting) bool { return row.name == name })
}

func (f *flags) add(set *pflag.FlagSet, common bool) {
	f.addRows(set, func(row setting) bool { return row.common == common })
}

func (f *flags) addRows(set *pflag.FlagSet, wanted func(setting) bool) {
	usual := defaults()
	for _, row := range table() {
		if !wanted(row) {
			continue
		}
		about := row.about
		if value := write(row.field(&usual)); value != `""` && value != "0" {
			about += fmt.Sprintf(" (default %s)", strings.Trim(value, `[]"`))
		}
		set.Var(&flagValue{flags: f, row: row}, row.name, about)
	}
}

// flagValue is one setting on the command line, checked as it is read.
type flagValue struct {
	flags *flags
	row   setting
}

func (v *flagValue) String() string {
	if v.flags == nil { // pflag asks a zero value
		return ""
	}
	return v.flags.given[v.row.name]
}

func (v *flagValue) Set(text string) error {
	var scratch settings
	if err := v.row.kind.read(v.row.field(&scratch), text); err != nil {
		return err
	}
	before, again := v.flags.given[v.row.name]
	if _, isList := v.row.field(&scratch).(*[]string); isList && again {
		text = before + "," + text
	}
	v.flags.given[v.row.name] = text
	return nil
}

// Type is what help shows for the value.
func (v *flagValue) Type() string { return v.row.value }
