package merge

import (
	"fmt"
	"strings"

	"cubesync/sync/record"
	"cubesync/sync/spool"
)

// mostTogether is how many combinations of records one key may have. Nobody could do anything about more of them.
const mostTogether = 1000

// group is what all sources say of one key.
type group struct {
	records [][]spool.Row // of each source; of more than mostTogether, the first
	counts  []int         // of each source
	rejects []spool.Row
}

// together takes the rows of the next key, and appends what comes of them.
func (r *reader) together(answers []answer) []answer {
	key, g := r.ahead.Key, &r.group
	g.begin(len(r.parts))
	for first := r.ahead.Source; r.aheadErr == nil && r.ahead.Key == key && (key != "" || len(g.rejects) == 0); r.step() {
		if r.ahead.Source != first {
			r.parts[first].met, r.parts[r.ahead.Source].met = true, true
		}
		g.take(r.ahead)
	}
	switch combinations := g.combinations(); {
	case len(g.rejects) > 0:
		for _, row := range g.rejects {
			answers = append(answers, answer{reject: r.reject(row)})
		}
	case combinations > mostTogether:
		answers = append(answers, answer{reject: r.tooMany()})
	default:
		for n := range combinations {
			answers = append(answers, answer{record: r.combine(n)})
		}
	}
	return answers
}

func (g *group) begin(parts int) {
	if g.records == nil {
		g.records, g.counts = make([][]spool.Row, parts), make([]int, parts)
	}
	for i := range g.records {
		g.records[i], g.counts[i] = g.records[i][:0], 0
	}
	g.rejects = g.rejects[:0]
}

func (g *group) take(row spool.Row) {
	if row.Reject != nil {
		g.rejects = append(g.rejects, row)
		return
	}
	if g.counts[row.Source]++; g.counts[row.Source] <= mostTogether {
		g.records[row.Source] = append(g.records[row.Source], row)
	}
}

// combinations is how many there are, or a number above mostTogether.
func (g *group) combinations() int {
	all := 1
	for _, n := range g.counts {
		if all *= max(1, n); all > mostTogether {
			break
		}
	}
	return all
}

// combine makes one record of one of each source that has any: the combination with that number.
func (r *reader) combine(number int) record.Record {
	values := make([]record.Value, 1, r.width())
	var at []string
	var doubts []string
	uncertain := false
	for i, p := range r.parts {
		rows := r.group.records[i]
		if len(rows) == 0 {
			values = append(values, make([]record.Value, len(p.kept))...)
			if r.doubts[i] != "" {
				doubts = append(doubts, r.doubts[i])
			}
			continue
		}
		row := &rows[number%len(rows)]
		number /= len(rows)
		values[0] = record.Text(row.Key)
		values = append(values, row.Values...)
		at = append(at, string(row.Position))
		uncertain = uncertain || row.Uncertain
	}
	made := record.New(record.Position(strings.Join(at, " + ")), r.columns, values)
	made.Uncertain, made.Doubt = uncertain, strings.Join(doubts, "; ")
	return made
}

// width is how many values a record has.
func (r *reader) width() int {
	last := r.parts[len(r.parts)-1]
	return last.first + len(last.kept)
}

// reject is a source's reject as that of all.
func (r *reader) reject(row spool.Row) *record.RejectError {
	bad := &record.RejectError{Position: row.Position, Uncertain: row.Uncertain, Field: row.Reject.Field, Problem: row.Reject.Problem}
	if r.Identifies {
		bad.ExternalID = row.Key
	}
	return bad
}

// tooMany rejects all records of a key.
func (r *reader) tooMany() *record.RejectError {
	var first *spool.Row
	var counts []string
	for i, p := range r.parts {
		if n := r.group.counts[i]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d of %s", n, p.Name))
			if first == nil {
				first = &r.group.records[i][0]
			}
		}
	}
	row := *first
	row.Reject = &spool.Reject{Field: KeyColumn, Problem: fmt.Sprintf("too many records have it (%s) to tell which belong together: keep one in each source", strings.Join(counts, ", "))}
	return r.reject(row)
}
