package plan

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// maxLine is how long a line of a plan file may be: far more than an account's values can be.
const maxLine = 16 << 20

// FileError is a plan file that can't be used.
type FileError struct {
	Line    int // 0 for the file as a whole
	Problem string
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return e.Problem
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Problem)
}

func badFile(line int, format string, args ...any) error {
	return &FileError{Line: line, Problem: fmt.Sprintf(format, args...)}
}

const again = "make the plan again with `cubesync plan -o FILE`"

// ReadFile reads a whole plan file. What was altered, cut off, or written by another version is refused with a
// *FileError; a redacted one is read. The sign-ups that a plan needn't hold go aside, where there is such a place: what was
// read is all that is used afterwards, whatever becomes of the file.
func ReadFile(r io.Reader, aside Aside) (*File, error) {
	p := &Plan{Operations: []Operation{}, Rejects: []Reject{}, Leavers: []Leaver{}, Remarks: []Remark{}}
	signUps := &SignUps{}
	header, err := ScanFile(r, func(l Line) error {
		if op := l.Operation; op != nil && aside != nil {
			if op.IsSignUp() {
				signUps.take(op)
				return aside.Add(op)
			}
			signUps.pass()
		}
		p.add(l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if signUps.Count > 0 {
		signUps.Each = aside.All()
		p.SignUps = signUps
	}
	p.Owned, p.Desired, p.Collapsed, p.Unchanged = header.Counts.Owned, header.Counts.Desired, header.Counts.Collapsed, header.Counts.Unchanged
	p.Filtered = header.Counts.Filtered
	if counts := p.Counts(header.Counts.Read); counts != header.Counts {
		return nil, badFile(1, "its counts aren't those of its lines: %s", again)
	}
	return &File{Header: header, Plan: p}, nil
}

// ScanFile reads a plan file line by line, and stops with the error that visit returns. What visit has seen is only
// good when ScanFile has returned nil: the sum covers the whole file.
func ScanFile(r io.Reader, visit func(Line) error) (Header, error) {
	s := fileScanner{in: bufio.NewReaderSize(r, 64<<10), sum: sha256.New(), steps: map[step]bool{}, rings: map[string]bool{}}
	if err := s.readHeader(); err != nil {
		return Header{}, err
	}
	for {
		text, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Header{}, err
		}
		l, err := s.decode(text)
		if err != nil {
			return Header{}, err
		}
		if err := visit(l); err != nil {
			return Header{}, err
		}
	}
	counts := s.header.Counts
	if want := counts.Operations + counts.Rejects + counts.Leavers + counts.Remarks + counts.Avatars; s.lines-1 < want {
		return Header{}, badFile(0, "it has %d lines after its header instead of %d: it was cut off; %s", s.lines-1, want, again)
	}
	if hex.EncodeToString(s.sum.Sum(nil)) != s.header.SHA256 {
		return Header{}, badFile(0, "it isn't as cubesync wrote it: somebody or something altered it; %s", again)
	}
	return s.header, nil
}

type fileScanner struct {
	in       *bufio.Reader
	sum      hash.Hash
	lines    int // read so far
	header   Header
	section  int
	wave     int
	steps    map[step]bool
	ring     string          // of the operation before
	rings    map[string]bool // so far
	spelling []byte          // the line as this program spells it
}

// step recognises what there is once of in a plan, by half of a SHA-256: there may be millions.
type step [sha256.Size / 2]byte

func stepOf(op *Operation, part Step) step {
	var room [128]byte // for the usual external IDs
	sum := sha256.Sum256(fmt.Appendf(room[:0], "%s %s %s", op.Kind, part, op.ExternalID))
	return step(sum[:sha256.Size/2])
}

// next returns the next line without its end.
func (s *fileScanner) next() ([]byte, error) {
	var line []byte
	for {
		part, err := s.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			s.lines++
			s.sum.Write(line)
			return line[:len(line)-1], nil
		case len(line) > maxLine:
			return nil, badFile(s.lines+1, "it is longer than any line of a plan")
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, badFile(s.lines+1, "it has no end: the file was cut off; %s", again)
		default:
			return nil, err
		}
	}
}

// readHeader reads the first line. Its version is read first of all: another one has other keys.
func (s *fileScanner) readHeader() error {
	text, err := s.next()
	if errors.Is(err, io.EOF) {
		return badFile(0, "it is empty: %s", again)
	}
	if err != nil {
		return err
	}
	var which struct {
		Version *int `json:"cubesync_plan"`
	}
	if err := json.Unmarshal(text, &which); err != nil || which.Version == nil {
		return badFile(1, "it isn't the header of a plan: name a file that `cubesync plan -o FILE` wrote")
	}
	if *which.Version != FileVersion {
		return badFile(1, "the plan has format %d and this cubesync reads %d: use the cubesync that made it, or %s", *which.Version, FileVersion, again)
	}
	if err := decodeStrictly(text, &s.header); err != nil {
		return badFile(1, "%v; %s", err, again)
	}
	spelled, err := encodeLine(s.header.inUTC())
	if err != nil || !bytes.Equal(text, spelled) {
		return s.misspelled()
	}
	unsummed := s.header
	unsummed.SHA256 = ""
	s.sum.Reset() // of the line with its sum
	return writeLine(s.sum, unsummed)
}

// decode reads a line after the header and checks that it fits those before it.
func (s *fileScanner) decode(text []byte) (Line, error) {
	var spelled fileLine
	if err := decodeStrictly(text, &spelled); err != nil {
		return Line{}, badFile(s.lines, "%v; %s", err, again)
	}
	l := spelled.line()
	spelling, err := appendLine(s.spelling[:0], l)
	if s.spelling = spelling; err != nil || !bytes.Equal(text, spelling) {
		return Line{}, s.misspelled()
	}
	given := 0
	for _, there := range []bool{l.Operation != nil, l.Reject != nil, l.Leaver != nil, l.Remark != nil, l.Avatar != nil} {
		if there {
			given++
		}
	}
	switch section := l.section(); {
	case given != 1:
		return Line{}, badFile(s.lines, "it is none of operation, reject, leaver, remark and avatar; %s", again)
	case section < s.section:
		return Line{}, badFile(s.lines, "it stands in the wrong place; %s", again)
	default:
		s.section = section
	}
	if l.Operation != nil {
		return l, s.check(l.Operation)
	}
	return l, nil
}

// check refuses operations that can't be carried out.
func (s *fileScanner) check(op *Operation) error {
	this := stepOf(op, op.Step)
	switch {
	case op.Wave < s.wave:
		return badFile(s.lines, "operation %s %s stands after a later wave; %s", op.Kind, op.ExternalID, again)
	case s.steps[this]:
		return badFile(s.lines, "operation %s %s stands twice; %s", op.Kind, op.ExternalID, again)
	case s.misplaced(op):
		return badFile(s.lines, "operation %s %s doesn't stand where it belongs in its swap; %s", op.Kind, op.ExternalID, again)
	case op.Kind != Create && op.AccountID == 0, op.Kind == Create && op.AccountID != 0:
		return badFile(s.lines, "operation %s %s can't have the account %d; %s", op.Kind, op.ExternalID, op.AccountID, again)
	}
	for _, kind := range Kinds() {
		if op.Kind == kind {
			s.wave, s.steps[this] = op.Wave, true
			s.ring, s.rings[op.Ring] = op.Ring, true
			return nil
		}
	}
	return badFile(s.lines, "there is no operation %q; %s", op.Kind, again)
}

// misplaced reports whether the operation stands apart from the others of its ring, or a parking after its other half.
func (s *fileScanner) misplaced(op *Operation) bool {
	if op.Ring == "" {
		return op.Step == Park
	}
	if op.Ring != s.ring {
		return s.rings[op.Ring]
	}
	return op.Wave != s.wave || op.Step == Park && s.steps[stepOf(op, "")]
}

// misspelled refuses a line that is spelled otherwise than this program does: then something in it was passed over.
func (s *fileScanner) misspelled() error {
	return badFile(s.lines, "it isn't spelled as cubesync does: somebody or something altered it; %s", again)
}

// decodeStrictly reads one JSON value without unknown keys.
func decodeStrictly(text []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return plainJSONError(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one value in the line")
	}
	return nil
}

// plainJSONError leaves out the names of our types and any value, which may be a person's.
func plainJSONError(err error) error {
	if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		key := typed.Field[strings.LastIndexByte(typed.Field, '.')+1:]
		return fmt.Errorf("the value of %q is of the wrong kind", key)
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return errors.New("it isn't whole JSON")
	}
	if key, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return fmt.Errorf("the key %s is unknown", key)
	}
	return errors.New("a value in it can't be read")
}
