package csvfile

// ReturnsAlone reports whether a text is read as one whose lines end in carriage returns.
func ReturnsAlone(text string) bool { return returnsAlone([]byte(text)[:min(len(text), headBytes)]) }
