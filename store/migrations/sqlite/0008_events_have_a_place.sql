-- An event comes with its place in the log, or not at all. The place is taken first, so that an event
-- that another program inserts alone is refused, and one from before this migration, without a place,
-- is told from a fact: it is never read, may be removed, and gives way to the next event of its stream.
CREATE TRIGGER events_have_a_place BEFORE INSERT ON events
WHEN NOT EXISTS (
  SELECT 1 FROM event_log
  WHERE aggregate_type = NEW.aggregate_type
    AND aggregate_id = NEW.aggregate_id
    AND sequence = NEW.sequence)
BEGIN
  SELECT RAISE(ABORT, 'events: an event takes its place in event_log first');
END;

DROP TRIGGER events_are_never_removed;
CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events
WHEN EXISTS (
  SELECT 1 FROM event_log
  WHERE aggregate_type = OLD.aggregate_type
    AND aggregate_id = OLD.aggregate_id
    AND sequence = OLD.sequence)
BEGIN
  SELECT RAISE(ABORT, 'events are never removed');
END;

-- INSERT OR REPLACE removes what is in its way, and no trigger for removals hears of it.
CREATE TRIGGER events_are_never_replaced BEFORE INSERT ON events
WHEN EXISTS (
  SELECT 1 FROM events
  WHERE aggregate_type = NEW.aggregate_type
    AND aggregate_id = NEW.aggregate_id
    AND sequence = NEW.sequence)
BEGIN
  SELECT RAISE(ABORT, 'events are never replaced');
END;

CREATE TRIGGER event_log_is_never_replaced BEFORE INSERT ON event_log
WHEN EXISTS (
  SELECT 1 FROM event_log
  WHERE aggregate_type = NEW.aggregate_type
    AND aggregate_id = NEW.aggregate_id
    AND sequence = NEW.sequence)
BEGIN
  SELECT RAISE(ABORT, 'event_log: the stream has come further');
END;

-- As for events: of two writers of the same sequence one loses, and a stream has no holes.
CREATE TRIGGER event_log_streams_have_no_holes BEFORE INSERT ON event_log
WHEN NEW.sequence > 1 AND NOT EXISTS (
  SELECT 1 FROM event_log
  WHERE aggregate_type = NEW.aggregate_type
    AND aggregate_id = NEW.aggregate_id
    AND sequence = NEW.sequence - 1)
BEGIN
  SELECT RAISE(ABORT, 'event_log: the stream has not come that far');
END;
