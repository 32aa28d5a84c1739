// Package sqlquery reads records from a database: one SELECT of the user's own, run once in one read-only snapshot, and
// streamed. PostgreSQL, MySQL and MariaDB, SQLite and SQL Server.
//
// It doesn't know what the columns mean, and it doesn't decide whether a read is good enough to write by: it gives the
// verdict. A read is proven when the query came to its end and the server counts as many rows in the same snapshot.
//
// # Types
//
// Every value becomes text, by one table for all servers:
//
//	NULL                       null, which is not the empty text
//	texts, enums               as they are; what isn't UTF-8 or holds a control character rejects its row
//	booleans                   true, false; where the server has none of its own (MySQL), numbers
//	whole numbers              decimal digits
//	decimals                   without exponent, and without zeros at the end: 12.50 is 12.5
//	floating-point numbers     the shortest text that is the same number, as JSON has it: 0.1, 1e+21
//	timestamps                 RFC 3339 in UTC: 2026-03-10T03:00:00Z; one without a zone is taken for UTC
//	dates, times               2026-03-10, 03:00:00
//	bytes                      hexadecimal, in small letters, whatever they spell
//	UUIDs                      in small letters, with hyphens
//	JSON                       without white space, keys sorted
//	arrays (PostgreSQL)        a JSON array
//	anything else              as the server writes it
//
// SQLite stores what it is given: there, the type that the column was declared with makes a date, a timestamp or a boolean of
// a value, and an expression is the text or number that it is. MySQL's zero date is null.
package sqlquery
