package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cubesync/cmd/cubesync/internal/config"
)

// badFiles are the exact words about each testdata/*.bad.yaml: all of them, in order.
var badFiles = map[string]string{
	"adopt.bad.yaml": `
adopt.bad.yaml:9:12: pipelines[0].adopt: writes accounts that we didn't make, whose passwords nobody knows, so only updates: shared can adopt; write updates: shared where the service user may write others, or adopt: refuse
adopt.bad.yaml:10:23: pipelines[0].protected.ids[0]: 0 is out of range; write a whole number from 1
adopt.bad.yaml:10:26: pipelines[0].protected.ids[1]: is text where a number belongs; write a whole number from 1
adopt.bad.yaml:10:32: pipelines[0].protected.ids[2]: 1.5 is out of range; write a whole number from 1
adopt.bad.yaml:10:47: pipelines[0].protected.logins[0]: is a number where text belongs; put it in quotes
adopt.bad.yaml:10:50: pipelines[0].protected.logins[1]: is empty; give it a value or take the line out
adopt.bad.yaml:10:62: pipelines[0].protected.tags[0]: has a comma, which separates tags; choose a tag without one
adopt.bad.yaml:10:69: pipelines[0].protected.tags[1]: is this pipeline's owner tag, so none of its accounts could be written; take it out
adopt.bad.yaml:10:73: pipelines[0].protected.emails: unknown key; the keys here are ids, logins, tags
adopt.bad.yaml:18:12: pipelines[1].adopt: writes accounts that we didn't make, whose passwords nobody knows, so only updates: shared can adopt; write updates: shared where the service user may write others, or adopt: refuse
adopt.bad.yaml:19:22: pipelines[1].protected.ids: is a number where a list belongs; write account ids such as [17, 4711]
adopt.bad.yaml:19:34: pipelines[1].protected.logins: is an empty list; write logins such as [root, support]
adopt.bad.yaml:27:12: pipelines[2].adopt: unknown value "all"; choose refuse, external_id, login or email
adopt.bad.yaml:28:16: pipelines[2].protected: is a list where a group of keys belongs; write ids, logins or tags under it
adopt.bad.yaml:36:13: pipelines[3].adopt[0]: unknown value "refuse"; choose external_id, login or email
adopt.bad.yaml:36:21: pipelines[3].adopt[1]: unknown value "phone"; choose external_id, login or email
adopt.bad.yaml:36:28: pipelines[3].adopt[2]: is a list where text belongs; choose external_id, login or email
`,
	"aliases.bad.yaml": `
aliases.bad.yaml:1:15: connectycube: uses an anchor, alias or tag of YAML; write the value out
aliases.bad.yaml:4:3: emulator: this key uses a merge, anchor, alias or tag of YAML; write the keys out
aliases.bad.yaml:5:9: emulator.data: uses an anchor, alias or tag of YAML; write the value out
aliases.bad.yaml:6:8: state: uses an anchor, alias or tag of YAML; write the value out
aliases.bad.yaml:9:5: pipelines[0]: uses an anchor, alias or tag of YAML; write the value out
aliases.bad.yaml:10:1: this key uses a merge, anchor, alias or tag of YAML; write the keys out
`,
	"avatar.bad.yaml": `
avatar.bad.yaml:9:7: pipelines[0].mapping.avatar.column: is missing; name the column
avatar.bad.yaml:9:7: pipelines[0].mapping.avatar.folder: is missing; name the folder that the files are in: no path leads out of it
avatar.bad.yaml:9:35: pipelines[0].mapping.avatar.hosts: has no use with from: file; take it out
avatar.bad.yaml:9:67: pipelines[0].mapping.avatar.networks: has no use with from: file; take it out
avatar.bad.yaml:9:85: pipelines[0].mapping.avatar.as: unknown value "photo"; choose avatar or custom_data
avatar.bad.yaml:9:103: pipelines[0].mapping.avatar.max_bytes: 0 is out of range; write a whole number from 1 to 104857600
avatar.bad.yaml:10:5: pipelines[0].passwords: random.reset_email has no e-mail address to send to; map email, or take it out
avatar.bad.yaml:11:14: pipelines[0].updates: off leaves nobody to set avatars (mapping.avatar); choose owner or shared, or take the avatar out
avatar.bad.yaml:23:17: pipelines[1].mapping.avatar.hosts[0]: "https://photos.example.com" is not the name of a host; write one such as photos.example.com, or photos.example.com:8443
avatar.bad.yaml:23:47: pipelines[1].mapping.avatar.hosts[1]: "*.example.com" is not the name of a host; write one such as photos.example.com, or photos.example.com:8443
avatar.bad.yaml:24:20: pipelines[1].mapping.avatar.networks[0]: 127.0.0.0/8 is no private network: public ones need no leave, and what only this machine or its link answers at gets none; write one such as 10.1.0.0/16
avatar.bad.yaml:24:33: pipelines[1].mapping.avatar.networks[1]: "10.0.0.1" is not a network; write one such as 10.1.0.0/16
avatar.bad.yaml:24:43: pipelines[1].mapping.avatar.networks[2]: 8.8.8.0/24 is no private network: public ones need no leave, and what only this machine or its link answers at gets none; write one such as 10.1.0.0/16
avatar.bad.yaml:25:17: pipelines[1].mapping.avatar.folder: has no use with from: url; take it out
avatar.bad.yaml:26:13: pipelines[1].mapping.avatar.as: custom_data is replaced as a whole by what is mapped (mode: replace), and the avatar with it; write mode: merge, or as: avatar
avatar.bad.yaml:27:18: pipelines[1].mapping.avatar.timeout: "1ms" is not a span of time from 1s to 1h; write a number and its unit, such as 30s, 5m, 72h or 3d
avatar.bad.yaml:28:21: pipelines[1].mapping.avatar.max_pixels: is text where a number belongs; write a whole number from 1 to 1000000000
avatar.bad.yaml:29:38: pipelines[1].passwords.random.per_minute: has no use without reset_email: true; write that, or take the line out
avatar.bad.yaml:30:14: pipelines[1].updates: off leaves nobody to set avatars (mapping.avatar); choose owner or shared, or take the avatar out
avatar.bad.yaml:38:49: pipelines[2].mapping.avatar.as: custom_data.avatar_uid is mapped too; keep one of them
avatar.bad.yaml:38:74: pipelines[2].mapping.avatar.allow_http: has no use with from: base64; take it out
avatar.bad.yaml:39:26: pipelines[2].passwords.random.reset_mail: unknown key; did you mean reset_email?
avatar.bad.yaml:40:14: pipelines[2].updates: off leaves nobody to set avatars (mapping.avatar); choose owner or shared, or take the avatar out
avatar.bad.yaml:48:15: pipelines[3].mapping.avatar: is text where a group of keys belongs; write {column: photo, from: file, folder: photos}
avatar.bad.yaml:49:25: pipelines[3].passwords.random: is a list where true or false belongs; write random: true
avatar.bad.yaml:58:7: pipelines[4].mapping.avatar.hosts: is missing; name the hosts that pictures may come from
avatar.bad.yaml:59:39: pipelines[4].passwords.random.reset_email: is text where true or false belongs; write true or false
avatar.bad.yaml:60:14: pipelines[4].updates: off leaves nobody to set avatars (mapping.avatar); choose owner or shared, or take the avatar out
`,
	"csv.bad.yaml": `
csv.bad.yaml:5:46: pipelines[0].source.csv.files: 0 is out of range; write a whole number from 1 to 10000
csv.bad.yaml:5:59: pipelines[0].source.csv.encoding: unknown encoding "utf-7"; write one such as utf-8, utf-16, windows-1252, iso-8859-2 or shift_jis
csv.bad.yaml:5:77: pipelines[0].source.csv.max_bytes: is text where a number belongs; write a whole number from 1
csv.bad.yaml:5:93: pipelines[0].source.csv.skip_rows: -1 is out of range; write a whole number from 0 to 10000
csv.bad.yaml:5:106: pipelines[0].source.csv.comment: lines of comments can't begin so; write a character such as "#"
csv.bad.yaml:5:120: pipelines[0].source.csv.columns: stand for a header, which would show the delimiter; add delimiter: ",", or which it is
csv.bad.yaml:5:125: pipelines[0].source.csv.columns[1]: "id" stands twice; name each column once
csv.bad.yaml:5:138: pipelines[0].source.csv.quotes: unknown value "lax"; choose strict or lenient
csv.bad.yaml:5:157: pipelines[0].source.csv.damaged_keys: unknown value "keep"; choose refuse or accept
csv.bad.yaml:5:171: pipelines[0].source.csv.settle: "1ms" is not a span of time from 1s to 1h; write a number and its unit, such as 30s, 5m, 72h or 3d
csv.bad.yaml:5:185: pipelines[0].source.csv.max_age: "2" is not a span of time from 1m to 366d; write a number and its unit, such as 30s, 5m, 72h or 3d
csv.bad.yaml:12:67: pipelines[1].source.csv.completeness: has no use with complete, without which nothing is believed; take one of them out
csv.bad.yaml:12:98: pipelines[1].source.csv.complete.trailer: has the delimiter in it; write how its first cell reads, such as "#TOTAL"
csv.bad.yaml:12:111: pipelines[1].source.csv.complete.count: 1 is out of range; write a whole number from 2 to 10000
csv.bad.yaml:19:15: pipelines[2].schedule: would read standard input again and again, which can be read once; name a file as source.csv.path, or take the schedule out
csv.bad.yaml:21:38: pipelines[2].source.csv.files: has no use with standard input; take it out, or name a file as path
csv.bad.yaml:21:49: pipelines[2].source.csv.settle: has no use with standard input; take it out, or name a file as path
csv.bad.yaml:21:63: pipelines[2].source.csv.max_age: has no use with standard input; take it out, or name a file as path
csv.bad.yaml:21:68: pipelines[2].source.csv.complete: compares files, and standard input is none; write trailer or records under it, or name a file as path
csv.bad.yaml:21:104: pipelines[2].source.csv.complete.count: says where in a trailer the number of rows stands; take it out, or write trailer
csv.bad.yaml:28:26: pipelines[3].source.csv.path: is standard input, which pipelines[2].source.csv.path reads already; name a file
csv.bad.yaml:28:48: pipelines[3].source.csv.complete: says trailer and checksum; keep one of them
csv.bad.yaml:33:14: pipelines[3].leavers: delete on a CSV file, which can't prove that it is whole; say what proves it with complete under source.csv, or accept that with completeness: plausible, or choose keep
csv.bad.yaml:37:46: pipelines[4].source.csv.columns: stand for a header, which would show the delimiter; add delimiter: ",", or which it is
csv.bad.yaml:37:51: pipelines[4].source.csv.columns[1]: is a number where text belongs; put it in quotes
csv.bad.yaml:37:55: pipelines[4].source.csv.complete: says none of trailer, checksum, done, records; add one of them
csv.bad.yaml:37:66: pipelines[4].source.csv.complete.lines: unknown key; the keys here are trailer, count, checksum, done, records
csv.bad.yaml:44:57: pipelines[5].source.csv.complete.records: 0 is out of range; write a whole number from 1
csv.bad.yaml:51:26: pipelines[6].source.csv.path: is no pattern that files can match; close each [ in it, or take files out if it is the name of one file
csv.bad.yaml:56:14: pipelines[6].leavers: delete on a CSV file with quotes: lenient, in which records may be lost; write quotes: strict, or choose keep
`,
	"directive.bad.yaml": `
directive.bad.yaml:1:1: a YAML directive is not understood here; take this line out
`,
	"documents.bad.yaml": `
documents.bad.yaml:3:1: a second document begins here; keep one document a file: take the line --- and what follows out
`,
	"emulator.bad.yaml": `
emulator.bad.yaml:5:10: connectycube.proxy: has no use with the embedded emulator, which no network leads to; take the line out, or name another endpoint
emulator.bad.yaml:6:12: connectycube.ca_file: has no use with the embedded emulator, which no network leads to; take the line out, or name another endpoint
emulator.bad.yaml:8:9: emulator.data: is empty; give it a value or take the line out
emulator.bad.yaml:9:3: emulator.application_id: is a group of keys where text belongs; write one value
emulator.bad.yaml:10:13: emulator.auth_key: is a number where text belongs; put it in quotes
emulator.bad.yaml:11:16: emulator.auth_secret: the environment variable UNSET is not set; set it, or write file:PATH
emulator.bad.yaml:12:14: emulator.admin_key: missing.txt can't be read: no such file or directory; make the file, or permit reading it
emulator.bad.yaml:13:15: emulator.rate_limit: -1 is out of range; write a whole number from 0
emulator.bad.yaml:14:3: emulator.write_others: unknown key; the keys here are data, application_id, auth_key, auth_secret, admin_key, rate_limit, switches, identity
emulator.bad.yaml:16:5: emulator.switches.write-others: unknown key; did you mean write_others?
emulator.bad.yaml:17:19: emulator.switches.write_others: is a number where true or false belongs; write true or false
emulator.bad.yaml:18:5: emulator.switches.list_lags: unknown key; did you mean list_lag?
emulator.bad.yaml:19:15: emulator.switches.list_lag: unknown value "soon"; write a duration like 2s, 0s or more
emulator.bad.yaml:20:16: emulator.switches.in_values: unknown value "-5"; write a whole number, 0 or more
emulator.bad.yaml:21:20: emulator.switches.others_answer: unknown value "500"; write one of 403|404
emulator.bad.yaml:22:11: emulator.switches.tags: is a list where text belongs; write one value
emulator.bad.yaml:23:12: emulator.switches.no_v1: is text where true or false belongs; write true or false
emulator.bad.yaml:24:5: emulator.switches.require_signature: is empty; give it a value or take the line out
emulator.bad.yaml:25:3: emulator.identity.verify_url: is missing; write the address that answers who a token stands for
emulator.bad.yaml:25:29: emulator.identity.mapping.uid: is a number where text belongs; put it in quotes
emulator.bad.yaml:25:33: emulator.identity.verify: unknown key; the keys here are verify_url, mapping
`,
	"empty.bad.yaml": `
empty.bad.yaml:1:1: the file is empty; begin with a copy of the config.yaml that comes with cubesync
`,
	"expressions.bad.yaml": `
expressions.bad.yaml:7:27: pipelines[0].mapping.external_id.expr: an expression of no column would give every user the same: take a column; correct it: docs/mapping.md describes expressions
expressions.bad.yaml:8:21: pipelines[0].mapping.login.expr: expression lower(login: unexpected token EOF, at character 11; correct it: docs/mapping.md describes expressions
expressions.bad.yaml:9:7: pipelines[0].mapping.email: says column and expr; keep one of them
expressions.bad.yaml:10:25: pipelines[0].mapping.full_name.expr: expression given_name + 1: invalid operation: + (mismatched types string and int), at character 12; correct it: docs/mapping.md describes expressions
expressions.bad.yaml:11:21: pipelines[0].mapping.phone.expr: expression e164(phone, "Germany"): "Germany" is no region: write two capital letters such as DE, at character 13; correct it: docs/mapping.md describes expressions
expressions.bad.yaml:12:23: pipelines[0].mapping.website.expr: expression now(): there is no function now: there are all, any, concat, default, e164, filter, first, int, join, last, left, len, lookup, lower, map, none, regexFind, regexReplace, replace, right, sha256, slug, split, text, trim, trimPrefix, trimSuffix, upper, at character 1; correct it: docs/mapping.md describes expressions
expressions.bad.yaml:14:45: pipelines[0].mapping.tags[0].split: has no use beside expr, which splits by itself; write split(column, ";") into the expression
expressions.bad.yaml:15:18: pipelines[0].mapping.tags[1].expr: expression regexFind(tags, "("): missing closing ): ` + "`" + `(` + "`" + `, at character 17; correct it: docs/mapping.md describes expressions
expressions.bad.yaml:16:18: pipelines[0].mapping.tags[2].expr: is only white space; write an expression, or take the field out
expressions.bad.yaml:20:21: pipelines[0].mapping.custom_data.keys.b.expr: expression record[office]: record[…] takes the name of a column in quotes: which columns are read has to be known beforehand, at character 7; correct it: docs/mapping.md describes expressions
expressions.bad.yaml:21:21: pipelines[0].mapping.custom_data.keys.c.expr: is a number where text belongs; put it in quotes
expressions.bad.yaml:22:15: pipelines[0].mapping.filter: expression status: expected bool, but got string; correct it: docs/mapping.md describes expressions
expressions.bad.yaml:23:27: pipelines[0].mapping.tables.sites.A: is a number where text belongs; put it in quotes
expressions.bad.yaml:23:46: pipelines[0].mapping.tables.offices: is text where a group of keys belongs; write a name and what belongs to it, such as offices: {B: Berlin}
expressions.bad.yaml:25:9: pipelines[0].tests[0].record: is missing; write the cells of a record under it, by their columns
expressions.bad.yaml:26:23: pipelines[0].tests[1].record.id: is a number where text belongs; put it in quotes
expressions.bad.yaml:26:39: pipelines[0].tests[1].user: compares nothing; name at least one field, such as external_id: E1
expressions.bad.yaml:27:35: pipelines[0].tests[2].user.id: unknown key; the keys here are external_id, login, email, full_name, phone, website, custom_data, tags
expressions.bad.yaml:27:50: pipelines[0].tests[2].user.email: is a number where text belongs; put it in quotes
expressions.bad.yaml:27:53: pipelines[0].tests[2].user.tags: is a group of keys where text belongs; write one value, or null
expressions.bad.yaml:27:76: pipelines[0].tests[2].user.custom_data: is a list where text belongs; write one value, or null
expressions.bad.yaml:28:9: pipelines[0].tests[3]: says user and filtered; keep one of them
expressions.bad.yaml:29:38: pipelines[0].tests[4].filtered: says nothing unless it is true; write filtered: true, or what is to come of the record
expressions.bad.yaml:30:9: pipelines[0].tests[5]: says none of user, rejected, filtered; add one of them
expressions.bad.yaml:31:18: pipelines[0].tests[6].record: is a list where a group of keys belongs; write the cells under it, by their columns
expressions.bad.yaml:31:34: pipelines[0].tests[6].rejected: is a number where text belongs; put it in quotes
expressions.bad.yaml:32:9: pipelines[0].tests[7]: is text where a group of keys belongs; write {record: {employee_id: E1}, user: {external_id: E1}}
expressions.bad.yaml:41:7: pipelines[1].mapping.custom_data: says none of column, keys; add one of them
expressions.bad.yaml:41:21: pipelines[1].mapping.custom_data.expr: unknown key; the keys here are column, keys, mode, empty, owner
expressions.bad.yaml:42:7: pipelines[1].mapping.filter: is a group of keys where text belongs; write one value
expressions.bad.yaml:43:15: pipelines[1].mapping.tables: is a list where a group of keys belongs; write a name and what belongs to it, such as offices: {B: Berlin}
expressions.bad.yaml:44:5: pipelines[1].tests: is a group of keys where a list belongs; begin each test with - record:
`,
	"guards.bad.yaml": `
guards.bad.yaml:11:24: pipelines[0].guards.deletes.floor: -1 is out of range; write a whole number from 0
guards.bad.yaml:11:35: pipelines[0].guards.deletes.share: "51%" is not a share from 0% to 50%; write one such as 5%
guards.bad.yaml:11:46: pipelines[0].guards.deletes.most: -1 is out of range; write a whole number from 0
guards.bad.yaml:12:29: pipelines[0].guards.week_deletes.share: "50.5%" is not a share from 0% to 50%; write one such as 5%
guards.bad.yaml:13:24: pipelines[0].guards.updates.floor: 1.5 is out of range; write a whole number from 0
guards.bad.yaml:13:36: pipelines[0].guards.updates.share: "101%" is not a share from 0% to 100%; write one such as 5%
guards.bad.yaml:14:24: pipelines[0].guards.creates.share: "-1%" is not a share from 0% to 100%; write one such as 5%
guards.bad.yaml:15:22: pipelines[0].guards.field.share: "5" is not a share from 0% to 100%; write one such as 5%
guards.bad.yaml:16:24: pipelines[0].guards.rekeyed.share: "five%" is not a share from 0% to 100%; write one such as 5%
guards.bad.yaml:17:15: pipelines[0].guards.shrink: "NaN%" is not a share from 0% to 100%; write one such as 5%
guards.bad.yaml:18:25: pipelines[0].breaker.in_a_row: 0 is out of range; write a whole number from 1
guards.bad.yaml:18:35: pipelines[0].breaker.share: "101%" is not a share from 0% to 100%; write one such as 5%
guards.bad.yaml:18:41: pipelines[0].breaker.window: unknown key; the keys here are in_a_row, share
guards.bad.yaml:19:19: pipelines[0].max_duration: "500ms" is not a span of time from 1s to 366d; write a number and its unit, such as 30s, 5m, 72h or 3d
`,
	"keys.bad.yaml": `
keys.bad.yaml:1:1: conectycube: unknown key; did you mean connectycube?
keys.bad.yaml:6:3: connectycube.auth_key: stands twice, first in line 5; keep one of them
keys.bad.yaml:7:3: connectycube.password: unknown key; the keys here are endpoint, application_id, auth_key, auth_secret, service_user, admin_key, rate_limit, timeout, proxy, ca_file
keys.bad.yaml:10:5: pipelines[0].owner-tag: unknown key; did you mean owner_tag?
keys.bad.yaml:12:37: pipelines[0].source.csv.separator: unknown key; the keys here are path, files, encoding, max_bytes, delimiter, null_value, skip_rows, comment, columns, quotes, damaged_keys, complete, completeness, settle, max_age
keys.bad.yaml:14:33: pipelines[0].mapping.external_id.owner: unknown key; the keys here are column, template, expr, constant
keys.bad.yaml:15:7: pipelines[0].mapping.e_mail: unknown key; did you mean email?
keys.bad.yaml:17:44: pipelines[0].mapping.custom_data.keys.a: stands twice, first in line 17; keep one of them
keys.bad.yaml:18:31: pipelines[0].passwords.secret…: unknown key; the keys here are derive, random, column
keys.bad.yaml:21:5: pipelines[0].leavers: stands twice, first in line 20; keep one of them
keys.bad.yaml:22:14: pipelines[0].guards.größe: unknown key; the keys here are deletes, week_deletes, updates, creates, field, rekeyed, shrink
keys.bad.yaml:22:24: pipelines[0].guards.delete: unknown key; did you mean deletes?
keys.bad.yaml:22:54: pipelines[0].guards.creates.flour: unknown key; did you mean floor?
`,
	"latin1.bad.yaml": `
latin1.bad.yaml:1:12: this character is not valid UTF-8; save the file as UTF-8
`,
	"ldap.bad.yaml": `
ldap.bad.yaml:6:7: pipelines[0].source.ldap.filter: is missing; say which entries are users, such as (objectClass=inetOrgPerson), or choose a preset
ldap.bad.yaml:7:17: pipelines[0].source.ldap.preset: unknown value "novell"; choose openldap, active_directory or freeipa
ldap.bad.yaml:8:16: pipelines[0].source.ldap.urls[0]: would send everything unencrypted; write ldaps://, add start_tls: true, or permit that with allow_plaintext: true
ldap.bad.yaml:8:41: pipelines[0].source.ldap.urls[1]: "https://ldap.example.com" is not the address of a server; write one such as ldaps://ldap.example.com
ldap.bad.yaml:8:69: pipelines[0].source.ldap.urls[2]: the address of a server holds a user name or password; bind holds them
ldap.bad.yaml:8:109: pipelines[0].source.ldap.urls[3]: "ldaps://ldap.example.com/dc=example" goes on after the server; base, scope and filter stand by themselves
ldap.bad.yaml:8:148: pipelines[0].source.ldap.urls[4]: "ldapi://slapd" is not the address of a socket; write ldapi:///run/slapd/ldapi
ldap.bad.yaml:9:16: pipelines[0].source.ldap.pins[0]: is not the SHA-256 of a public key; write a list such as [sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=]
ldap.bad.yaml:9:28: pipelines[0].source.ldap.pins[1]: is a number where text belongs; put it in quotes
ldap.bad.yaml:10:15: pipelines[0].source.ldap.bind: unknown value "kerberos"; choose external or anonymous
ldap.bad.yaml:11:15: pipelines[0].source.ldap.base: "people" is not a distinguished name; write one such as ou=people,dc=example,dc=com
ldap.bad.yaml:12:16: pipelines[0].source.ldap.scope: unknown value "tree"; choose subtree, one or base
ldap.bad.yaml:13:24: pipelines[0].source.ldap.values.mail: unknown value "last"; choose first, list or error
ldap.bad.yaml:13:30: pipelines[0].source.ldap.values.phone: is an attribute that the mapping doesn't use; map it, or take the line out
ldap.bad.yaml:13:44: pipelines[0].source.ldap.values.phone.join: is empty; give it a value or take the line out
ldap.bad.yaml:13:49: pipelines[0].source.ldap.values.ou.join: is missing; write what stands between two values
ldap.bad.yaml:13:49: pipelines[0].source.ldap.values.ou: is an attribute that the mapping doesn't use; map it, or take the line out
ldap.bad.yaml:13:54: pipelines[0].source.ldap.values.ou.joined: unknown key; the keys here are join
ldap.bad.yaml:14:19: pipelines[0].source.ldap.disabled: unknown value "delete"; choose keep or absent
ldap.bad.yaml:15:9: pipelines[0].source.ldap.groups.base: is missing; name the entry below which all groups are, such as ou=groups,dc=example,dc=com
ldap.bad.yaml:15:52: pipelines[0].source.ldap.groups.tags[0].dn: "sales" is not a distinguished name; write one such as ou=people,dc=example,dc=com
ldap.bad.yaml:15:64: pipelines[0].source.ldap.groups.tags[0].tag: has a comma, which separates tags; choose a tag without one
ldap.bad.yaml:15:72: pipelines[0].source.ldap.groups.tags[1].dn: is missing; name the group
ldap.bad.yaml:15:78: pipelines[0].source.ldap.groups.tags[1].tag: has a ;, which separates tags; choose a tag without one
ldap.bad.yaml:16:20: pipelines[0].source.ldap.page_size: 0 is out of range; write a whole number from 1 to 100000
ldap.bad.yaml:17:26: pipelines[0].source.ldap.timeouts.idle: "0s" is not a span of time from 1s to 1h; write a number and its unit, such as 30s, 5m, 72h or 3d
ldap.bad.yaml:17:30: pipelines[0].source.ldap.timeouts.connect: unknown key; the keys here are dial, request, idle
ldap.bad.yaml:18:9: pipelines[0].source.ldap.client_certificate.key: is missing; name its PEM file
ldap.bad.yaml:28:20: pipelines[1].source.ldap.start_tls: is for ldap://, and there is none; take the line out
ldap.bad.yaml:29:18: pipelines[1].source.ldap.ca_file: nothing.pem can't be read: no such file or directory; make the file, or permit reading it
ldap.bad.yaml:30:9: pipelines[1].source.ldap.client_certificate: is no certificate with its key; name PEM files, the key's without a password
ldap.bad.yaml:31:61: pipelines[1].source.ldap.bind.password: the environment variable UNSET_ONE is not set; set it, or write file:PATH
ldap.bad.yaml:31:77: pipelines[1].source.ldap.bind.method: unknown key; the keys here are dn, password
ldap.bad.yaml:33:17: pipelines[1].source.ldap.filter: "(uid=*" is not a filter: unexpected end of filter; write one such as (objectClass=inetOrgPerson); in a value, ( is \28, ) is \29, * is \2a and \ is \5c
ldap.bad.yaml:34:25: pipelines[1].source.ldap.values.title: is an attribute that the mapping doesn't use; map it, or take the line out
ldap.bad.yaml:35:9: pipelines[1].source.ldap.groups: gives tags that the mapping doesn't use; add {column: groups, split: ";"} to mapping.tags
ldap.bad.yaml:35:39: pipelines[1].source.ldap.groups.depth: has no use with by: in_chain; take it out, or write by: member
ldap.bad.yaml:35:66: pipelines[1].source.ldap.groups.tags: is an empty list; write a list such as [{dn: "cn=sales,ou=groups,dc=example,dc=com", tag: sales}]
ldap.bad.yaml:42:5: pipelines[2].source: says csv and ldap; keep one of them
ldap.bad.yaml:51:14: pipelines[3].source.ldap.base: is missing; name the entry below which the users are, such as ou=people,dc=example,dc=com
ldap.bad.yaml:51:14: pipelines[3].source.ldap.urls: is missing; name the servers, such as [ldaps://ldap.example.com]
ldap.bad.yaml:51:14: pipelines[3].source.ldap.bind: is missing; write {dn: DN, password: ${NAME}}, external or anonymous
ldap.bad.yaml:51:53: pipelines[3].source.ldap.groups.base: has no use without depth; take it out, or say how many groups within groups are followed
ldap.bad.yaml:58:14: pipelines[4].source.ldap.filter: is missing; say which entries are users, such as (objectClass=inetOrgPerson), or choose a preset
ldap.bad.yaml:58:14: pipelines[4].source.ldap: has no groups, whose tags the mapping uses; add groups: under ldap, or take the column groups out of the mapping
ldap.bad.yaml:58:27: pipelines[4].source.ldap.urls: is text where a list belongs; write a list such as [ldaps://ldap.example.com]
ldap.bad.yaml:58:85: pipelines[4].source.ldap.bind.password: is a password that everybody can read; write ${NAME} or file:PATH
ldap.bad.yaml:62:14: pipelines[4].leavers: delete needs deletes, which are off; add deletes: admin, owner or shared, or choose keep
ldap.bad.yaml:62:14: pipelines[4].leavers: delete needs vanished to be said; add vanished: recreate or leave
ldap.bad.yaml:63:5: pipelines[5].mapping: is missing; say how a record becomes a user, or choose a preset under source.ldap, which has a mapping
ldap.bad.yaml:71:120: pipelines[6].source.ldap.values.cn: is an attribute that the mapping doesn't use; map it, or take the line out
`,
	"leavers.bad.yaml": `
leavers.bad.yaml:9:14: pipelines[0].leavers: release on a CSV file, which can't prove that it is whole; say what proves it with complete under source.csv, or accept that with completeness: plausible, or choose keep
leavers.bad.yaml:9:14: pipelines[0].leavers: release needs updates, which are off; choose owner or shared for updates, or keep
leavers.bad.yaml:15:14: pipelines[1].updates: owner needs passwords that cubesync can compute; write passwords: {derive: …}, or choose another
leavers.bad.yaml:16:14: pipelines[1].leavers: delete on a CSV file, which can't prove that it is whole; say what proves it with complete under source.csv, or accept that with completeness: plausible, or choose keep
leavers.bad.yaml:16:14: pipelines[1].leavers: delete needs deletes, which are off; add deletes: admin, owner or shared, or choose keep
leavers.bad.yaml:16:14: pipelines[1].leavers: delete needs vanished to be said; add vanished: recreate or leave
leavers.bad.yaml:22:14: pipelines[2].updates: shared needs connectycube.service_user; add it, or choose another
leavers.bad.yaml:23:14: pipelines[2].deletes: admin needs connectycube.admin_key; add it, or choose another
leavers.bad.yaml:32:14: pipelines[3].deletes: owner needs passwords that cubesync can compute; write passwords: {derive: …}, or choose another
leavers.bad.yaml:40:14: pipelines[4].creates: shared needs connectycube.service_user; add it, or choose key
leavers.bad.yaml:42:14: pipelines[4].deletes: shared needs connectycube.service_user; add it, or choose another
`,
	"list.bad.yaml": `
list.bad.yaml:1:1: is a list where a group of keys belongs; begin with a copy of the config.yaml that comes with cubesync
`,
	"live.bad.yaml": `
live.bad.yaml:4:13: connectycube.auth_key: is the emulator's, which everybody can read; write your own: ${NAME} or file:PATH
live.bad.yaml:5:16: connectycube.auth_secret: is the emulator's, which everybody can read; write your own: ${NAME} or file:PATH
live.bad.yaml:6:3: connectycube.service_user: says login and email; keep one of them
live.bad.yaml:6:78: connectycube.service_user.password: is the emulator's, which everybody can read; write your own: ${NAME} or file:PATH
live.bad.yaml:6:109: connectycube.service_user.id: 0 is out of range; write a whole number from 1
live.bad.yaml:7:14: connectycube.admin_key: is the emulator's, which everybody can read; write your own: ${NAME} or file:PATH
live.bad.yaml:8:15: connectycube.rate_limit: 0 is out of range; write a number from 0.01 to 100000
live.bad.yaml:9:12: connectycube.timeout: "11m" is not a span of time from 1s to 10m; write a number and its unit, such as 30s, 5m, 72h or 3d
live.bad.yaml:13:26: pipelines[0].source.csv.path: is the sample, whose users are refused with any endpoint but an emulator on this machine; name your own file
live.bad.yaml:15:34: pipelines[0].passwords.derive.secret: is the sample's, which everybody can read; write your own of at least 32 characters: ${NAME} or file:PATH
live.bad.yaml:15:68: pipelines[0].passwords.derive.previous: is shorter than 32 characters; make one with: openssl rand -base64 33
`,
	"mapping.bad.yaml": `
mapping.bad.yaml:7:31: pipelines[0].mapping.external_id.constant: gives every record the same external ID; name the column that tells persons apart: {column: NAME}
mapping.bad.yaml:8:7: pipelines[0].mapping.login: says column and template; keep one of them
mapping.bad.yaml:9:37: pipelines[0].mapping.email.empty: unknown value "never"; choose keep or clear
mapping.bad.yaml:9:51: pipelines[0].mapping.email.owner: unknown value "me"; choose source, create or if_empty
mapping.bad.yaml:10:29: pipelines[0].mapping.full_name.template: template "{given_name": the { at byte 1 isn't closed: write {{ for a brace; write {column} for a cell, {{ and }} for braces
mapping.bad.yaml:11:25: pipelines[0].mapping.phone.template: template "plain" names no {column}: take a constant instead; write {column} for a cell, {{ and }} for braces
mapping.bad.yaml:12:25: pipelines[0].mapping.website.column: is empty; give it a value or take the line out
mapping.bad.yaml:14:11: pipelines[0].mapping.tags[0]: says none of column, first, constant, template, expr; add one of them
mapping.bad.yaml:15:33: pipelines[0].mapping.tags[1].split: is empty; give it a value or take the line out
mapping.bad.yaml:16:7: pipelines[0].mapping.custom_data: says column and keys; keep one of them
mapping.bad.yaml:16:65: pipelines[0].mapping.custom_data.mode: unknown value "add"; choose merge or replace
mapping.bad.yaml:23:5: pipelines[1].mapping: maps no field; add at least one, such as email: {column: email}
mapping.bad.yaml:33:13: pipelines[2].mapping.tags: is an empty list; write a list such as [{column: tags, split: ";"}]
mapping.bad.yaml:34:21: pipelines[2].mapping.custom_data.keys: has no key; add one, such as department: {column: department}
mapping.bad.yaml:34:38: pipelines[2].mapping.custom_data.empty: says nothing about single keys; write it into their rules
mapping.bad.yaml:34:45: pipelines[2].mapping.custom_data.template: unknown key; the keys here are column, keys, mode, empty, owner
mapping.bad.yaml:43:29: pipelines[3].mapping.full_name.constant: is only white space; write the text, or take the field out
mapping.bad.yaml:50:5: pipelines[4].mapping: custom_data: a key has no name; correct it
`,
	"missing.bad.yaml": `
missing.bad.yaml:1:1: connectycube.endpoint: is missing; write emulator, or the https address of the service
missing.bad.yaml:1:1: connectycube.application_id: is missing; copy it from the application's overview page
missing.bad.yaml:1:1: connectycube.auth_key: is missing; copy it from the application's overview page
missing.bad.yaml:3:3: connectycube.service_user: says none of login, email, guest, facebook, twitter, firebase_phone, firebase_email, custom_identity; add one of them
missing.bad.yaml:5:5: pipelines[0].name: is missing; name it, in small letters, digits and hyphens
missing.bad.yaml:5:5: pipelines[0].owner_tag: is missing; choose a tag that marks this pipeline's accounts
missing.bad.yaml:5:5: pipelines[0].source: is missing; say where the users come from: csv, ldap or sql
missing.bad.yaml:5:5: pipelines[0].passwords: is missing; say how new users get one: derive, random or column
missing.bad.yaml:5:5: pipelines[0].timezone: is missing; name the zone of the schedule, such as Europe/Berlin or UTC
missing.bad.yaml:5:5: pipelines[0].mapping: is missing; say how a record becomes a user
missing.bad.yaml:5:5: pipelines[0].updates: is missing; say who writes: owner, shared or off
missing.bad.yaml:5:5: pipelines[0].leavers: is missing; say what becomes of users that have left the source: keep, release or delete
missing.bad.yaml:8:14: pipelines[1].source.csv.path: is missing; name the file
missing.bad.yaml:9:5: pipelines[1].mapping.external_id: is missing; name the column that tells persons apart: {column: NAME}
missing.bad.yaml:9:5: pipelines[1].mapping: maps no field; add at least one, such as email: {column: email}
missing.bad.yaml:10:5: pipelines[1].passwords: says none of derive, random, column; add one of them
missing.bad.yaml:15:5: pipelines[2].source: says none of csv, ldap, sql; add one of them
missing.bad.yaml:16:15: pipelines[2].mapping.external_id: says none of column, template, expr; add one of them
missing.bad.yaml:16:32: pipelines[2].mapping.email: says none of column, first, constant, template, expr; add one of them
missing.bad.yaml:17:17: pipelines[2].passwords.derive.secret: is missing; write ${NAME} or file:PATH
`,
	"nothing.bad.yaml": `
nothing.bad.yaml:1:1: connectycube: is missing; say which application the users are in
nothing.bad.yaml:1:12: pipelines: is an empty list; begin each pipeline with - name:
`,
	"passwords.bad.yaml": `
passwords.bad.yaml:7:25: pipelines[0].passwords.column: "PW 1" is used by the mapping too, so that passwords would be shown and kept; take it out of the mapping
passwords.bad.yaml:8:14: pipelines[0].updates: owner needs passwords that cubesync can compute; write passwords: {derive: …}, or choose another
passwords.bad.yaml:9:14: pipelines[0].deletes: owner needs passwords that cubesync can compute; write passwords: {derive: …}, or choose another
passwords.bad.yaml:16:25: pipelines[1].passwords.column: "pw" is used by the mapping too, so that passwords would be shown and kept; take it out of the mapping
passwords.bad.yaml:16:25: pipelines[1].passwords.column: comes through standard input, which is put aside on the disk while it is read; name a file as source.csv.path
passwords.bad.yaml:16:29: pipelines[1].passwords.reset_email: unknown key; the keys here are derive, random, column
passwords.bad.yaml:23:25: pipelines[2].passwords.column: "photo" is used by the mapping too, so that passwords would be shown and kept; take it out of the mapping
passwords.bad.yaml:24:14: pipelines[2].updates: off leaves nobody to set avatars (mapping.avatar); choose owner or shared, or take the avatar out
passwords.bad.yaml:30:25: pipelines[3].passwords.column: "userPassword" is used by the mapping too, so that passwords would be shown and kept; take it out of the mapping
passwords.bad.yaml:37:5: pipelines[4].passwords: says random and column; keep one of them
passwords.bad.yaml:44:25: pipelines[5].passwords.column: is a list where text belongs; write one value
passwords.bad.yaml:53:25: pipelines[6].passwords.column: comes from several sources, which are put aside on the disk to be joined; let one source have all that is mapped, or choose derive or random
`,
	"pipelines.bad.yaml": `
pipelines.bad.yaml:2:12: keep_runs: 0 is out of range; write a whole number from 1
pipelines.bad.yaml:4:5: pipelines[0].timezone: is missing; name the zone of the schedule, such as Europe/Berlin or UTC
pipelines.bad.yaml:7:48: pipelines[0].source.csv.delimiter: is not one character that can separate cells; write "," or ";" or "|", or "\t" for a tab
pipelines.bad.yaml:7:68: pipelines[0].source.csv.completeness: unknown value "proven"; choose plausible
pipelines.bad.yaml:9:25: pipelines[0].passwords.random: leaves no way to make passwords; write random: true, or derive
pipelines.bad.yaml:10:14: pipelines[0].updates: unknown value "admin"; choose owner, shared or off
pipelines.bad.yaml:11:14: pipelines[0].leavers: unknown value "remove"; choose keep, release or delete
pipelines.bad.yaml:12:14: pipelines[0].workers: 0 is out of range; write a whole number from 1 to 256
pipelines.bad.yaml:13:11: pipelines[1].name: "staff" is pipelines[0]'s already; choose another: each pipeline has its own
pipelines.bad.yaml:14:16: pipelines[1].owner_tag: "staff-sync" is pipelines[0]'s already; choose another: each pipeline has its own
pipelines.bad.yaml:15:15: pipelines[1].schedule: "whenever" is not a schedule: five fields are needed; write minute hour day month weekday, or @every 1h
pipelines.bad.yaml:17:48: pipelines[1].source.csv.delimiter: is not one character that can separate cells; write "," or ";" or "|", or "\t" for a tab
pipelines.bad.yaml:17:65: pipelines[1].source.csv.null_value: is the null of YAML; put it in quotes if the word is meant, or take the line out
pipelines.bad.yaml:19:5: pipelines[1].passwords: says derive and random; keep one of them
pipelines.bad.yaml:22:14: pipelines[1].workers: 257 is out of range; write a whole number from 1 to 256
pipelines.bad.yaml:23:11: pipelines[2].name: "Staff of Berlin" is not a name; use small letters, digits and hyphens
pipelines.bad.yaml:24:16: pipelines[2].owner_tag: has a comma, which separates tags; choose a tag without one
pipelines.bad.yaml:25:15: pipelines[2].timezone: depends on the machine; name one such as Europe/Berlin or UTC
pipelines.bad.yaml:26:5: pipelines[2].source: says none of csv, ldap, sql; add one of them
pipelines.bad.yaml:26:14: pipelines[2].source.folder: unknown key; the keys here are csv, ldap, sql
pipelines.bad.yaml:31:12: pipelines[2].grace: unknown value "never"; write none, or {reads: 3, span: 72h}
pipelines.bad.yaml:33:16: pipelines[3].owner_tag: has white space around it, or letters in a decomposed form; choose a plain tag
pipelines.bad.yaml:34:15: pipelines[3].timezone: unknown time zone "Europe/Atlantis"; name one such as Europe/Berlin or UTC
pipelines.bad.yaml:40:20: pipelines[3].grace.reads: 0 is out of range; write a whole number from 1
pipelines.bad.yaml:40:29: pipelines[3].grace.span: "3 days" is not a span of time from 0s to 366d; write a number and its unit, such as 30s, 5m, 72h or 3d
pipelines.bad.yaml:41:15: pipelines[3].vanished: unknown value "ignore"; choose recreate or leave
pipelines.bad.yaml:42:15: plan_expires: "0s" is not a span of time from 1s to 366d; write a number and its unit, such as 30s, 5m, 72h or 3d
pipelines.bad.yaml:43:18: full_list_every: 0 is out of range; write a whole number from 1
`,
	"secrets.bad.yaml": `
secrets.bad.yaml:2:13: connectycube.endpoint: the environment variable UNSET_ENDPOINT is not set; set it, or write file:PATH
secrets.bad.yaml:3:19: connectycube.application_id: is empty once it is resolved; put a value into the variable or the file
secrets.bad.yaml:4:13: connectycube.auth_key: the environment variable UNSET_ONE is not set; set it, or write file:PATH
secrets.bad.yaml:4:13: connectycube.auth_key: the environment variable UNSET_TWO is not set; set it, or write file:PATH
secrets.bad.yaml:6:12: connectycube.service_user.login: has a ${ that no name and } follow; write ${NAME}; a value that has ${ in itself goes into a variable or a file
secrets.bad.yaml:7:15: connectycube.service_user.password: missing.txt can't be read: no such file or directory; make the file, or permit reading it
secrets.bad.yaml:8:14: connectycube.admin_key: is empty once it is resolved; put a value into the variable or the file
secrets.bad.yaml:14:34: pipelines[0].passwords.derive.secret: holds a line break or another control character; put one line of plain text there
secrets.bad.yaml:14:62: pipelines[0].passwords.derive.previous: has a ${ that no name and } follow; write ${NAME}; a value that has ${ in itself goes into a variable or a file
secrets.bad.yaml:21:34: pipelines[1].passwords.derive.secret: is shorter than 32 characters; make one with: openssl rand -base64 33
secrets.bad.yaml:21:77: pipelines[1].passwords.derive.previous: . can't be read: is a directory; name a file that holds the secret
secrets.bad.yaml:28:61: pipelines[2].passwords.derive.previous: is the secret itself; write the one before it, or take the line out
`,
	"sources.bad.yaml": `
sources.bad.yaml:3:5: pipelines[0]: says source and sources; keep one of them
sources.bad.yaml:14:9: pipelines[1].sources[0]: says csv and ldap; keep one of them
sources.bad.yaml:14:16: pipelines[1].sources[0].name: "HR" is not a name; use small letters, digits and underscores, a digit not first
sources.bad.yaml:15:9: pipelines[1].sources[1].key: is missing; name its column that holds what the records of all sources are joined by
sources.bad.yaml:15:16: pipelines[1].sources[1].name: is what expressions call all columns by; choose another
sources.bad.yaml:15:24: pipelines[1].sources[1].csv: can't prove that it is whole, so that whom it lacks couldn't be known by the other sources alone; say what proves it with complete, or accept that with completeness: plausible
sources.bad.yaml:15:47: pipelines[1].sources[1].csv.paths: unknown key; did you mean path?
sources.bad.yaml:16:9: pipelines[1].sources[2].name: is missing; name it, in small letters, digits and underscores: its columns are called NAME.COLUMN
sources.bad.yaml:16:9: pipelines[1].sources[2]: says none of csv, ldap, sql; add one of them
sources.bad.yaml:16:19: pipelines[1].sources[2].file: unknown key; the keys here are name, key, csv, ldap, sql
sources.bad.yaml:17:9: pipelines[1].sources[3]: is text where a group of keys belongs; begin each source with - name:
sources.bad.yaml:24:15: pipelines[2].schedule: would read standard input again and again, which can be read once; name a file as sources[1].csv.path, or take the schedule out
sources.bad.yaml:24:15: pipelines[2].schedule: would read standard input again and again, which can be read once; name a file as sources[2].csv.path, or take the schedule out
sources.bad.yaml:28:16: pipelines[2].sources[1].name: "hr" is another source's already; choose another
sources.bad.yaml:29:42: pipelines[2].sources[2].csv.path: is standard input, which pipelines[2].sources[1].csv.path reads already; name a file
sources.bad.yaml:32:44: pipelines[2].mapping.email.first[2]: "hr.email" stands twice; name each column once
sources.bad.yaml:33:22: pipelines[2].mapping.phone.first: is an empty list; write names such as [id, email]
sources.bad.yaml:34:24: pipelines[2].mapping.website.first: is text where a list belongs; write names such as [id, email]
sources.bad.yaml:35:7: pipelines[2].mapping.full_name: says column and first; keep one of them
sources.bad.yaml:42:29: pipelines[3].sources[0].csv: can't prove that it is whole, so that whom it lacks couldn't be known by the other sources alone; say what proves it with complete, or accept that with completeness: plausible
sources.bad.yaml:43:30: pipelines[3].sources[1].csv: may lose records with quotes: lenient, so that whom it lacks couldn't be known by the other sources alone; write quotes: strict
sources.bad.yaml:51:27: pipelines[3].sources[2].ldap.values.title: is an attribute that the mapping doesn't use; map it, or take the line out
sources.bad.yaml:52:11: pipelines[3].sources[2].ldap.groups: gives tags that the mapping doesn't use; add {column: ad.groups, split: ";"} to mapping.tags
sources.bad.yaml:53:5: pipelines[3].mapping: uses the column "employee_id", which no source has; write hr.COLUMN, crm.COLUMN, ad.COLUMN or key
sources.bad.yaml:53:5: pipelines[3].mapping: uses the column "ldap.name", which no source has; write hr.COLUMN, crm.COLUMN, ad.COLUMN or key
sources.bad.yaml:57:14: pipelines[3].leavers: delete needs deletes, which are off; add deletes: admin, owner or shared, or choose keep
sources.bad.yaml:61:14: pipelines[4].sources: is one source; write it as source:, or add the others
sources.bad.yaml:61:35: pipelines[4].sources[0].csv: can't prove that it is whole, so that whom it lacks couldn't be known by the other sources alone; say what proves it with complete, or accept that with completeness: plausible
sources.bad.yaml:62:15: pipelines[4].mapping.external_id: says none of column, template, expr; add one of them
sources.bad.yaml:62:29: pipelines[4].mapping.external_id.first: unknown key; the keys here are column, template, expr, constant
sources.bad.yaml:69:97: pipelines[5].sources[0].sql.incremental: can't be merged: what changed in one source says nothing of the others' records; take it out
`,
	"sql.bad.yaml": `
sql.bad.yaml:5:14: pipelines[0].source.sql.query: is missing; write one SELECT
sql.bad.yaml:5:28: pipelines[0].source.sql.driver: unknown value "oracle"; choose postgres, mysql, sqlite or sqlserver
sql.bad.yaml:5:41: pipelines[0].source.sql.dsn: the environment variable UNSET is not set; set it, or write file:PATH
sql.bad.yaml:5:62: pipelines[0].source.sql.timeout: "0s" is not a span of time from 1s to 1d; write a number and its unit, such as 30s, 5m, 72h or 3d
sql.bad.yaml:5:75: pipelines[0].source.sql.ca_file: missing.pem can't be read: no such file or directory; make the file, or permit reading it
sql.bad.yaml:5:97: pipelines[0].source.sql.deleted: is empty; give it a value or take the line out
sql.bad.yaml:5:115: pipelines[0].source.sql.completeness: unknown value "proven"; choose plausible
sql.bad.yaml:12:43: pipelines[1].source.sql.dsn: holds a password that everybody can read; write ${NAME} for it, or file:PATH for the whole of it
sql.bad.yaml:12:97: pipelines[1].source.sql.query: begins with DELETE; begin it with SELECT or WITH: cubesync only reads
sql.bad.yaml:19:40: pipelines[2].source.sql.dsn: holds a password that everybody can read; write ${NAME} for it, or file:PATH for the whole of it
sql.bad.yaml:19:88: pipelines[2].source.sql.query: has more than one statement; write one SELECT; only white space may follow its semicolon
sql.bad.yaml:19:110: pipelines[2].source.sql.key: unknown key; the keys here are driver, dsn, query, deleted, incremental, timeout, ca_file, allow_plaintext, completeness
sql.bad.yaml:26:43: pipelines[3].source.sql.dsn: holds a password that everybody can read; write ${NAME} for it, or file:PATH for the whole of it
sql.bad.yaml:26:43: pipelines[3].source.sql.dsn: is not the address of a PostgreSQL database; write one such as postgres://user:password@db.example.com:5432/people, with the signs in its password percent-encoded
sql.bad.yaml:33:5: pipelines[4].source: says csv and sql; keep one of them
sql.bad.yaml:40:44: pipelines[5].source.sql.dsn: is not the address of a SQL Server database; write one such as sqlserver://user:password@db.example.com:1433?database=people, with the signs in its password percent-encoded
sql.bad.yaml:40:95: pipelines[5].source.sql.allow_plaintext: is text where true or false belongs; write true or false
sql.bad.yaml:47:14: pipelines[6].source.sql.driver: is missing; choose postgres, mysql, sqlite or sqlserver
sql.bad.yaml:47:14: pipelines[6].source.sql.query: is missing; write one SELECT
sql.bad.yaml:47:14: pipelines[6].source.sql.dsn: is missing; name the database: ${NAME} or file:PATH; the path of the file with sqlite
sql.bad.yaml:54:77: pipelines[7].source.sql.query: has the word UPDATE, which belongs to statements that write; take it out; put it in quotes if it is the name of a column
sql.bad.yaml:61:132: pipelines[8].source.sql.incremental: isn't possible with a query that has ORDER on its outside, which SQL Server doesn't permit within another query; make a view of it, and write SELECT * FROM the view
sql.bad.yaml:68:82: pipelines[9].source.sql.incremental.column: is missing; name the column of the query that grows with each change of a row
sql.bad.yaml:68:105: pipelines[9].source.sql.incremental.overlap: "-5m" is not a span of time from 0s to 30d; write a number and its unit, such as 30s, 5m, 72h or 3d
sql.bad.yaml:68:122: pipelines[9].source.sql.incremental.full_every: 0 is out of range; write a whole number from 1 to 1000
sql.bad.yaml:68:125: pipelines[9].source.sql.incremental.key: unknown key; the keys here are column, overlap, full_every
sql.bad.yaml:75:117: pipelines[10].source.sql.incremental.overlap: -1 is out of range; write a whole number from 0 to 1000000000000
sql.bad.yaml:82:95: pipelines[11].source.sql.incremental: is text where a group of keys belongs; write {column: updated_at, overlap: 15m, full_every: 7}
`,
	"syntax.bad.yaml": `
syntax.bad.yaml:3:13: this is not YAML: could not find end character of double-quoted text; check indentation, quotes and brackets here and in the line above; between { and } put ${NAME} in quotes
`,
	"types.bad.yaml": `
types.bad.yaml:2:13: connectycube.endpoint: is a list where text belongs; write one value
types.bad.yaml:3:3: connectycube.application_id: is a group of keys where text belongs; write one value
types.bad.yaml:4:13: connectycube.auth_key: is a number where text belongs; put it in quotes
types.bad.yaml:5:17: connectycube.service_user: is text where a group of keys belongs; write login and password under it
types.bad.yaml:6:3: connectycube.admin_key: is empty; give it a value or take the line out
types.bad.yaml:7:15: connectycube.rate_limit: is text where a number belongs; write a number from 0.01 to 100000
types.bad.yaml:8:12: connectycube.timeout: "30" is not a span of time from 1s to 10m; write a number and its unit, such as 30s, 5m, 72h or 3d
types.bad.yaml:9:16: connectycube.auth_secret: is a number where text belongs; put it in quotes
types.bad.yaml:10:10: connectycube.proxy: is true or false where text belongs; put it in quotes
types.bad.yaml:11:12: connectycube.ca_file: is a list where text belongs; write one value
types.bad.yaml:12:11: emulator: is text where a group of keys belongs; write data: PATH under it
types.bad.yaml:13:8: state: is a number where text belongs; put it in quotes
types.bad.yaml:14:12: keep_runs: is text where a number belongs; write a whole number from 1
types.bad.yaml:16:11: pipelines[0].name: is true or false where text belongs; put it in quotes
types.bad.yaml:17:16: pipelines[0].owner_tag: is empty; give it a value or take the line out
types.bad.yaml:18:15: pipelines[0].schedule: is a number where text belongs; put it in quotes
types.bad.yaml:20:19: pipelines[0].source.csv: is text where a group of keys belongs; write path: under it
types.bad.yaml:22:20: pipelines[0].mapping.external_id: is text where a group of keys belongs; write {column: NAME}
types.bad.yaml:23:14: pipelines[0].mapping.email: is text where a group of keys belongs; write {column: NAME}, {first: [NAME, NAME]}, {constant: TEXT}, {template: "{given_name} {family_name}"} or {expr: "lower(email)"}
types.bad.yaml:24:13: pipelines[0].mapping.tags: is text where a list belongs; write a list such as [{column: tags, split: ";"}]
types.bad.yaml:25:27: pipelines[0].mapping.custom_data.keys: is a list where a group of keys belongs; write a rule for each key
types.bad.yaml:26:25: pipelines[0].passwords.random: is text where true or false belongs; write random: true
types.bad.yaml:27:14: pipelines[0].creates: unknown value "admin"; choose key or shared
types.bad.yaml:28:14: pipelines[0].updates: unknown value "true"; choose owner, shared or off
types.bad.yaml:29:14: pipelines[0].leavers: is a list where text belongs; choose keep, release or delete
types.bad.yaml:30:12: pipelines[0].grace: is a number where a group of keys belongs; write none, or {reads: 3, span: 72h}
types.bad.yaml:31:23: pipelines[0].guards.deletes: is a number where a group of keys belongs; write {floor: 3, share: 5%, most: 500}
types.bad.yaml:31:34: pipelines[0].guards.shrink: "0.2" is not a share from 0% to 100%; write one such as 5%
types.bad.yaml:32:14: pipelines[0].workers: unknown value "many"; write auto, or a whole number from 1 to 256
types.bad.yaml:33:5: pipelines[1]: is text where a group of keys belongs; write the keys of a pipeline
`,
}

func TestBadFiles(t *testing.T) {
	t.Chdir("testdata")
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.bad.yaml")
	if err != nil || len(files) != len(badFiles) {
		t.Fatalf("got %d fixtures, %v, want %d", len(files), err, len(badFiles))
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(name, ".bad.yaml"), func(t *testing.T) {
			_, err := config.Load(name, env, schedule)
			if got, want := complaints(err, folder), strings.TrimSpace(badFiles[name]); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestUnreadableFiles(t *testing.T) {
	folder := t.TempDir()
	large := filepath.Join(folder, "large.yaml")
	if err := os.WriteFile(large, []byte("#"+strings.Repeat("x", 1<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	deep := filepath.Join(folder, "deep.yaml")
	if err := os.WriteFile(deep, []byte(strings.Repeat("[", 30_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, each := range []struct{ name, want string }{
		{"missing.yaml", "missing.yaml: can't be read: no such file or directory; name the configuration with --config"},
		{".", ".: can't be read: is a directory; name a file with --config"},
		{"large.yaml", "large.yaml:1:1: the file is larger than 1 MiB; is it the right file?"},
		{"deep.yaml", "deep.yaml:1:1: the file has more than 20000 words and signs; split it into several configurations"},
	} {
		t.Run(each.name, func(t *testing.T) {
			_, err := config.Load(filepath.Join(folder, each.name), env, schedule)
			var wrong *config.Error
			if !errors.As(err, &wrong) || len(wrong.Complaints) != 1 {
				t.Fatalf("got %v, want one complaint", err)
			}
			if got := complaints(err, folder); got != each.want {
				t.Errorf("got\n%s\nwant\n%s", got, each.want)
			}
		})
	}
}

func TestLongestOwnerTag(t *testing.T) {
	load(t, write(t, "staff-sync", strings.Repeat("ä", 255)))
	path := write(t, "staff-sync", strings.Repeat("ä", 256))
	_, err := config.Load(path, env, schedule)
	want := "config.yaml:8:16: pipelines[0].owner_tag: is longer than 255 characters; choose a shorter tag"
	if got := complaints(err, filepath.Dir(path)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRateLimits(t *testing.T) {
	for text, want := range map[string]string{
		"0.01": "", "100000": "", "0.0000000001": "is out", "1000000000000000000": "is out", ".nan": "is", ".inf": "is", "-1": "is out",
	} {
		path := write(t, "auth_key: emulator-auth-key", "auth_key: emulator-auth-key\n  rate_limit: "+text)
		_, err := config.Load(path, env, schedule)
		if got := complaints(err, filepath.Dir(path)); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// doctor deletes what has its tag.
func TestOwnerTagOfDoctor(t *testing.T) {
	for _, tag := range []string{config.DoctorTag, "Cubesync-Doctor"} {
		path := write(t, "staff-sync", tag)
		_, err := config.Load(path, env, schedule)
		want := "config.yaml:8:16: pipelines[0].owner_tag: is the tag of doctor's throw-away accounts, which it deletes; choose another"
		if got := complaints(err, filepath.Dir(path)); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// What a complaint is made of can be told apart by programs too.
func TestComplaint(t *testing.T) {
	path := write(t, "leavers: keep", "leavers: remove")
	_, err := config.Load(path, env, schedule)
	var wrong *config.Error
	if !errors.As(err, &wrong) || len(wrong.Complaints) != 1 {
		t.Fatalf("got %v, want one complaint", err)
	}
	want := config.Complaint{
		File: path, Line: 15, Column: 14, Key: "pipelines[0].leavers",
		Problem: `unknown value "remove"`, Remedy: "choose keep, release or delete",
	}
	if wrong.Complaints[0] != want {
		t.Errorf("got  %+v\nwant %+v", wrong.Complaints[0], want)
	}
}
