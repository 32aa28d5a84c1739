package sqlquery

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkQuery returns the query without what follows it, or why it isn't one SELECT. It is conservative: what a server could
// read in another way than it does is refused. The read-only transaction is the second lock.
func checkQuery(driver Driver, query string) (string, error) {
	refuse := func(problem, remedy string) (string, error) {
		return "", &OptionError{Option: "query", Problem: problem, Remedy: remedy}
	}
	if !utf8.ValidString(query) || strings.ContainsRune(query, 0) {
		return refuse("is not UTF-8 text", "save it as UTF-8")
	}
	s := scanner{driver: driver, text: query}
	words := 0
	end := 0 // of the last token
	for {
		word, err := s.token()
		if err != nil {
			return "", err
		}
		switch {
		case word == "":
			if words == 0 {
				return refuse("is empty", "write one SELECT")
			}
			return strings.TrimSpace(query[:end]), nil
		case word == ";":
			s.ended = true
			continue
		case s.ended:
			return refuse("has more than one statement", "write one SELECT; only white space may follow its semicolon")
		case words == 0 && !slices.Contains([]string{"select", "with"}, strings.ToLower(word)):
			return refuse("begins with "+shown(word), "begin it with SELECT or WITH: cubesync only reads")
		case s.writes(word):
			return refuse(fmt.Sprintf("has the word %s, which belongs to statements that write", strings.ToUpper(word)),
				"take it out; put it in quotes if it is the name of a column")
		}
		words++
		end = s.at
	}
}

// shown is what a complaint shows of a token.
func shown(word string) string {
	const most = 20
	if len(word) > most {
		return strings.ToValidUTF8(word[:most], "") + "…"
	}
	return word
}

// writing are the words of statements that write, as far as they can stand within a SELECT or WITH.
const writing = " insert update delete merge into "

// statements are the words that begin another statement of SQL Server, where no semicolon need stand before it. All of
// them are reserved: as names they stand in brackets.
const statements = writing + "alter backup begin bulk checkpoint close commit create dbcc deallocate declare deny drop dump exec " +
	"execute fetch go goto grant if kill load open print raiserror readtext reconfigure restore return revert revoke rollback save " +
	"set setuser shutdown truncate updatetext use waitfor while writetext "

// writes reports whether a word belongs to a statement that writes. A name behind a dot is a column.
func (s *scanner) writes(word string) bool {
	list := writing
	if s.driver == SQLServer {
		list = statements
	}
	return !s.quoted && !s.dotted && strings.Contains(list, " "+strings.ToLower(word)+" ")
}

// scanner splits a query into words, quoted things and signs.
type scanner struct {
	driver Driver
	text   string
	at     int

	quoted bool // the last token stood in quotes
	name   bool // and it may be a name
	dotted bool // it follows a name and a dot
	ended  bool // a semicolon was seen
}

// token returns the next one, "" at the end: a word, what stands in quotes, or one sign.
func (s *scanner) token() (string, error) {
	if err := s.skip(); err != nil {
		return "", err
	}
	if s.at == len(s.text) {
		return "", nil
	}
	begin := s.at
	s.dotted = s.name && s.text[begin-1] == '.'
	s.quoted, s.name = true, true
	switch c := s.text[begin]; {
	case c == '\'', c == '"', c == '`' && s.driver != Postgres:
		return s.quote(c, begin)
	case c == '[' && (s.driver == SQLServer || s.driver == SQLite):
		return s.quote(']', begin)
	case c == '$' && s.driver == Postgres && s.dollar() != "":
		tag := s.dollar()
		return s.until(tag, begin, begin+len(tag))
	case isWord(c):
		return s.word(begin)
	}
	s.quoted = false
	s.name = s.text[begin] == '.' && begin > 0 && s.after(begin-1)
	s.at++
	return s.text[begin:s.at], nil
}

// after reports whether the dot behind the byte at i parts names, and isn't a number's.
func (s *scanner) after(i int) bool {
	for ; i >= 0 && isWord(s.text[i]); i-- {
		if i == 0 || !isWord(s.text[i-1]) {
			return s.text[i] < '0' || s.text[i] > '9'
		}
	}
	return i >= 0 && strings.IndexByte("\"`]", s.text[i]) >= 0
}

// number is one that every server takes for one, to its last digit: for some, 1DELETE is a number and a word.
var number = regexp.MustCompile(`^([0-9]+([eE][0-9]*)?|0[xX][0-9a-fA-F]+)$`)

// word passes over a word or a whole number.
func (s *scanner) word(begin int) (string, error) {
	for s.at < len(s.text) && (isWord(s.text[s.at]) || s.text[s.at] == '$') {
		s.at++
	}
	word := s.text[begin:s.at]
	s.quoted = false
	switch {
	case strings.EqualFold(word, "e") && s.driver == Postgres && strings.HasPrefix(s.text[s.at:], "'"):
		return s.escaped(begin)
	case word[0] >= '0' && word[0] <= '9' && !number.MatchString(word):
		return "", &OptionError{"query", "has a number and a word in one, " + shown(word), "write a space between them"}
	case strings.ContainsFunc(word, func(r rune) bool {
		return r >= utf8.RuneSelf && !unicode.In(r, unicode.L, unicode.M, unicode.N)
	}):
		return "", &OptionError{"query", "has a character outside quotes that looks like a space or a sign but is none", "write it in ASCII"}
	}
	return word, nil
}

// isWord reports whether a byte is part of a word. All of a character that isn't ASCII is.
func isWord(c byte) bool {
	return c == '_' || c == '@' || c == '#' || c >= utf8.RuneSelf || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// skip passes white space and comments over.
func (s *scanner) skip() error {
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch {
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
			s.at++
		case strings.HasPrefix(rest, "--") && s.driver == MySQL && len(rest) > 2 && rest[2] > ' ':
			return &OptionError{"query", "has -- without a space after it, which not every server takes for a comment", "write a space after it"}
		case strings.HasPrefix(rest, "--"), rest[0] == '#' && s.driver == MySQL:
			line, _, _ := strings.Cut(rest, "\n")
			s.at += len(line)
		case strings.HasPrefix(rest, "/*"):
			if err := s.comment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

// comment passes one of those over that end with */. Some servers nest them and some don't, so one in another is refused,
// and so is what MySQL and MariaDB carry out.
func (s *scanner) comment() error {
	inside, _, closed := strings.Cut(s.text[s.at+2:], "*/")
	switch {
	case !closed:
		return unclosed("/*")
	case strings.Contains(inside, "/*"):
		return &OptionError{"query", "has a comment within a comment", "take it out"}
	case s.driver == MySQL && (strings.HasPrefix(inside, "!") || strings.HasPrefix(inside, "M!")):
		return &OptionError{"query", "has a comment that the server carries out (/*!)", "write what is in it without the comment"}
	}
	s.at += len("/*") + len(inside) + len("*/")
	return nil
}

// quote passes over what ends with a sign; doubled, the sign stands for itself.
func (s *scanner) quote(end byte, begin int) (string, error) {
	for s.at = begin + 1; s.at < len(s.text); s.at++ {
		switch {
		case s.text[s.at] == '\\' && s.driver == MySQL && end != '`' && s.at+1 < len(s.text) && (s.text[s.at+1] == end || s.text[s.at+1] == '\\'):
			return "", &OptionError{
				"query", "has a backslash before a quote or a backslash, which means one thing or another by the server's settings",
				"double the quote; put a text with backslashes together with CHAR(92)",
			}
		case s.text[s.at] != end:
		case s.at+1 < len(s.text) && s.text[s.at+1] == end:
			s.at++
		default:
			s.at++
			return s.text[begin:s.at], nil
		}
	}
	return "", unclosed(s.text[begin : begin+1])
}

// escaped passes over a text of PostgreSQL in which a backslash hides the quote: E'it\'s'.
func (s *scanner) escaped(begin int) (string, error) {
	s.quoted = true
	for s.at++; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case '\\':
			s.at++
		case '\'':
			if s.at++; !strings.HasPrefix(s.text[s.at:], "'") {
				return s.text[begin:s.at], nil
			}
		}
	}
	return "", unclosed("'")
}

// dollar returns the tag that a text of PostgreSQL begins with here: $$ or $name$; "" where none does.
func (s *scanner) dollar() string {
	rest := s.text[s.at+1:]
	end := strings.IndexByte(rest, '$')
	for i := range max(end, 0) {
		if !isWord(rest[i]) || i == 0 && rest[i] >= '0' && rest[i] <= '9' {
			return ""
		}
	}
	if end < 0 {
		return ""
	}
	return s.text[s.at : s.at+end+2]
}

func (s *scanner) until(end string, begin, from int) (string, error) {
	i := strings.Index(s.text[from:], end)
	if i < 0 {
		return "", unclosed(end)
	}
	s.at = from + i + len(end)
	return s.text[begin:s.at], nil
}

func unclosed(begin string) error {
	return &OptionError{"query", "has a " + begin + " that isn't closed", "close it"}
}
