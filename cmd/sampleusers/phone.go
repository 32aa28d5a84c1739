package main

import "fmt"

// phone is a number that nobody can be called by, written in one of the ways people write them, or empty. The ranges:
// line numbers 555-0100 to 555-0199 in North America; 020 7946 0000 to 0999 and 07700 900000 to 900999, which Ofcom
// keeps for drama; and the five of Germany's Bundesnetzagentur for media productions.
func (c *crowd) phone() string {
	if c.oneIn(6) {
		return ""
	}
	switch c.random.IntN(3) {
	case 0:
		return c.northAmerican()
	case 1:
		return c.british()
	}
	return c.german()
}

func (c *crowd) northAmerican() string {
	area := pick(c, []string{"202", "212", "312", "415", "514", "604"})
	line := 100 + c.random.IntN(100)
	format := pick(c, []string{"+1 %s 555 0%d", "+1-%s-555-0%d", "(%s) 555-0%d", "+1%s5550%d", "1.%s.555.0%d"})
	return fmt.Sprintf(format, area, line)
}

func (c *crowd) british() string {
	format := pick(c, []string{"+44 20 7946 0%03d", "020 7946 0%03d", "+44 (0)20 7946 0%03d", "+44 7700 900%03d", "07700 900%03d"})
	return fmt.Sprintf(format, c.random.IntN(1000))
}

func (c *crowd) german() string {
	exchange := pick(c, []struct{ area, number string }{
		{"30", "23125"}, {"40", "66969"}, {"69", "90009"}, {"89", "99998"}, {"221", "4710"},
	})
	format := pick(c, []string{"+49 %s %s%03d", "0%s/%s-%03d", "+49 (0)%s %s-%03d", "0049%s%s%03d"})
	return fmt.Sprintf(format, exchange.area, exchange.number, c.random.IntN(1000))
}
