package report

import (
	"cmp"
	"fmt"
	"slices"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// WhyOf says in words why an operation was planned, and why it isn't sent.
func WhyOf(op *plan.Operation) string {
	why := map[plan.Reason]string{
		plan.NewRecord:    "the source has a record, and nobody in ConnectyCube was the same person",
		plan.Vanished:     "its account disappeared without us, and vanished accounts are made again",
		plan.FieldsDiffer: "the account differs from what the source wants",
		plan.LostTag:      "the account is known by its id and has lost the owner tag",
		plan.LeftSource:   "it has been missing from the source long enough",
	}[op.Reason]
	if why == "" {
		why = cmp.Or(op.Reason.Meaning(), string(op.Reason))
	}
	if op.Blocked != "" {
		why += fmt.Sprintf("; it isn't sent: %s (%s)", op.Blocked, op.Detail)
	}
	return why
}

// keysOf tells how the account was found, or that nobody was, in the order in which the keys are tried.
func keysOf(op *plan.Operation, ownerTag string) []string {
	external := "external ID " + op.ExternalID
	switch op.Kind {
	case plan.Create:
		keys := []string{external + ": nobody had it"}
		if op.Reason == plan.Vanished {
			keys = append([]string{"account id of earlier runs: gone"}, keys...)
		}
		for _, c := range op.Changes {
			if c.Field == user.Login || c.Field == user.Email {
				keys = append(keys, fmt.Sprintf("%s %s: %s", c.Field, c.After, heldText(op)))
			}
		}
		return keys
	case plan.Adopt:
		return adoptKeys(op)
	case plan.Release, plan.Delete:
		return []string{fmt.Sprintf("%s: account %d, and no record of the source", external, op.AccountID)}
	default:
		if op.Was().ExternalID == op.ExternalID && op.Reason != plan.LostTag {
			return []string{fmt.Sprintf("%s: account %d, among those with the tag %q", external, op.AccountID, ownerTag)}
		}
		return []string{fmt.Sprintf("account id of earlier runs: account %d, whose external ID is %q", op.AccountID, op.Was().ExternalID)}
	}
}

func heldText(op *plan.Operation) string {
	if len(op.WaitsFor) > 0 {
		return fmt.Sprintf("nobody had it, or one of %q frees it first", op.WaitsFor)
	}
	return "nobody had it"
}

// adoptKeys tells by which key an account was found that isn't ours yet.
func adoptKeys(op *plan.Operation) []string {
	var keys []string
	for _, key := range []struct {
		reason      plan.Reason
		name, value string
	}{
		{plan.MatchesID, "external ID", op.ExternalID},
		{plan.MatchesLogin, "login", op.Was().Values[user.Login].Text},
		{plan.MatchesEmail, "email", op.Was().Values[user.Email].Text},
	} {
		if key.reason == op.Reason {
			return append(keys, fmt.Sprintf("%s %s: account %d", key.name, key.value, op.AccountID))
		}
		keys = append(keys, key.name+": nobody that it could be")
	}
	return keys
}

// ownerOf says whose the account is.
func ownerOf(op *plan.Operation, ownerTag string) string {
	switch {
	case op.Kind == plan.Create:
		return fmt.Sprintf("none yet; it gets the tag %q", ownerTag)
	case op.Was().HasTag(ownerTag):
		return fmt.Sprintf("ours: it carries the tag %q", ownerTag)
	case op.Kind == plan.Adopt:
		return fmt.Sprintf("nobody's that we know; it gets the tag %q", ownerTag)
	default:
		return fmt.Sprintf("ours by its id; it lacks the tag %q", ownerTag)
	}
}

// fieldsOf compares field by field, with the rule that decided.
func fieldsOf(op *plan.Operation, owners map[user.Field]string, remarked []string) []ExplainedField {
	changes := map[user.Field]plan.Change{}
	for _, c := range op.Changes {
		changes[c.Field] = c
	}
	var fields []ExplainedField
	for _, field := range user.Fields() {
		c, differs := changes[field]
		have := op.Was().Values[field].Text
		x := ExplainedField{Field: field, Before: have, After: have, Differs: differs, Rule: equalRule(field, owners[field], have)}
		if slices.Contains(remarked, field.String()) {
			x.Rule = "left as it is, see the remark"
		}
		if differs {
			x.Before, x.After, x.Rule = c.Before, c.After, changeRule(op.Kind, field, owners[field])
		}
		if op.Kind == plan.Create && !differs {
			x.Rule = "the record says nothing"
		}
		if op.Kind == plan.Release && !differs { // nothing else is touched
			continue
		}
		fields = append(fields, x)
	}
	return fields
}

func changeRule(kind plan.Kind, field user.Field, owner string) string {
	switch {
	case kind == plan.Release:
		return "the owner tag is taken off"
	case kind == plan.Create && field == user.Login && owner == "":
		return "computed from the external ID, as none is mapped"
	case kind == plan.Create && field == user.Tags:
		return "the mapped tags and the owner tag"
	case kind == plan.Create:
		return "mapped"
	case field == user.Tags:
		return "ours are kept, others' left alone; " + comparedAs(field)
	case owner == "if_empty":
		return "set because it is empty"
	case owner == "":
		return "put right by us"
	default:
		return "kept equal to the source; " + comparedAs(field)
	}
}

func equalRule(field user.Field, owner, have string) string {
	switch {
	case owner == "" && field == user.Tags:
		return "not mapped; carries what it must"
	case owner == "":
		return "not mapped, so not compared"
	case owner == "create":
		return "the user's own after sign-up, so not compared"
	case owner == "if_empty" && have != "":
		return "isn't empty, so not compared"
	default:
		return "equal, or the record has nothing for it; " + comparedAs(field)
	}
}

// comparedAs says which differences between two values of a field are none.
func comparedAs(field user.Field) string {
	switch field {
	case user.Email:
		return "compared without regard to case"
	case user.Phone:
		return "compared by digits"
	case user.Website:
		return "compared with or without http://"
	case user.CustomData:
		return "compared as JSON"
	case user.Tags:
		return "compared as a set"
	default:
		return "compared without outer space"
	}
}
