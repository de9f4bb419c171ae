package main

import "fmt"

// result is the line of JSON at the end.
type result struct {
	OK        bool   `json:"ok"`
	WatchList string `json:"watchList"`
	Client    string `json:"client"`
	Encoding  string `json:"encoding"`
	Informers int    `json:"informers"`
	Writes    int    `json:"writes"`
	// WriteErrors are changes of unknown outcome; their objects are only compared in the end.
	WriteErrors int  `json:"writeErrors"`
	Equal       bool `json:"equal"`
	// Errors are the calls of the informers' watch error handlers.
	Errors  int64 `json:"errors"`
	Relists int64 `json:"relists"`
	// Lists, WatchLists, Watches and Gone count requests, and answers 410, over all informers.
	Lists      int64 `json:"lists"`
	WatchLists int64 `json:"watchLists"`
	Watches    int64 `json:"watches"`
	Gone       int64 `json:"gone"`
	EventsSeen int   `json:"eventsSeen"`
	// Repeats are updates without a change; only a relist may cause them.
	Repeats        int `json:"repeats"`
	UnknownDeletes int `json:"unknownDeletes"`
	// Violations are steps back, repeats, and objects outside the selection.
	Violations int `json:"violations"`
	// Missed are written states an informer was not shown though it never listed again; not counted
	// with --bridged.
	Missed int `json:"missed"`
	// Foreign are shown states of our objects that were never written.
	Foreign    int      `json:"foreign"`
	Mismatches []string `json:"mismatches"`
	Notes      []string `json:"notes"`
}

func judge(s settings, subjects []*subject, w *writer, mismatches []string) *result {
	r := &result{
		WatchList: s.watchList, Client: s.client, Encoding: s.encoding, Informers: len(subjects),
		Writes: len(w.states) + w.deletes, WriteErrors: w.errors,
		Equal:      len(mismatches) == 0,
		Mismatches: append([]string{}, mismatches...), Notes: []string{},
	}
	for _, subject := range subjects {
		r.add(subject, w)
	}
	within := func(count int64, limit int) bool { return limit < 0 || count <= int64(limit) }
	r.Notes = r.Notes[:min(len(r.Notes), maxNotes*4)]
	r.OK = r.Equal && r.Violations == 0 && r.Missed == 0 && r.Foreign == 0 &&
		within(r.Errors, s.maxErrors) && within(r.Relists, s.maxRelists)
	return r
}

func (r *result) add(s *subject, w *writer) {
	r.Errors += s.errors.Load()
	r.Relists += s.relists()
	r.Lists += s.counts.lists.Load()
	r.WatchLists += s.counts.watchLists.Load()
	r.Watches += s.counts.watches.Load()
	r.Gone += s.counts.gone.Load()

	recorder := s.recorder
	recorder.mu.Lock()
	defer recorder.mu.Unlock()
	if recorder.repeats > 0 && s.relists() == 0 {
		recorder.violate("%d updates without a change, and no relist", recorder.repeats)
	}
	r.checkStates(s, w)
	r.EventsSeen += recorder.events
	r.Repeats += recorder.repeats
	r.UnknownDeletes += recorder.unknownDeletes
	r.Violations += recorder.violations
	r.Notes = append(r.Notes, recorder.notes...)
}

// checkStates compares what an informer showed with what was written: every written state of its
// part of the kind, and no other.
func (r *result) checkStates(s *subject, w *writer) {
	written := map[stateID]string{}
	steps := map[[2]string]bool{}
	for _, state := range w.states {
		if state.kind != s.kind {
			continue
		}
		written[state.id] = state.step
		steps[[2]string{state.id.uid, state.step}] = true
		_, seen := s.recorder.seen[state.id]
		wanted := s.scope.contains(state.namespace, state.label, state.field)
		if wanted && !seen && s.relists() == 0 && !s.bridged {
			r.Missed++
			r.Notes = append(r.Notes, fmt.Sprintf("%s: not shown: %+v", s.name, state.id))
		}
	}
	for id, shown := range s.recorder.seen {
		if shown.writer != w.run || w.unsure[shown.key] {
			continue
		}
		step, known := written[id]
		if known && step == shown.step {
			continue
		}
		if !known && shown.ending && steps[[2]string{id.uid, shown.step}] {
			continue
		}
		r.Foreign++
		r.Notes = append(r.Notes, fmt.Sprintf("%s: shown but never written: %+v %+v", s.name, id, shown))
	}
}
