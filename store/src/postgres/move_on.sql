-- One step of a projection, in one statement and one round trip.
--
-- PostgreSQL runs each part that changes rows exactly once, whether or not the others read it, and
-- all parts see the tables as they were before the statement. So each part that depends on the
-- checkpoint reads `moved`, and never the table `checkpoints`.
--
-- Parameters: $1 to $6 the columns of the new rows, as arrays of equal length; $7 and $8 the
-- projection and its version; $9 and $10 the checkpoint before and after the step; $11 and $12 a
-- channel and the payloads of its notifications; $13 the epoch of the writer's lead.
WITH
-- Compare and set. No row when another projector moved the checkpoint, or when the lead is lost: a
-- projector that was frozen must change nothing when it wakes up.
moved AS (
  UPDATE checkpoints SET position = $10
  WHERE projection = $7 AND version = $8 AND position = $9
    AND EXISTS (SELECT 1 FROM lead WHERE epoch = $13)
  RETURNING projection
),
-- The new rows, once for each row of `moved`: all or none.
written AS (
  {written}
)
SELECT
  -- Whether the checkpoint moved.
  EXISTS (SELECT 1 FROM moved),
  -- Wakes the requests that wait for these rows; count() makes PostgreSQL call it for each payload.
  (SELECT count(pg_notify($11, payload)) FROM moved, unnest($12::text[]) AS payload),
  -- The commit does not wait for the disk: after a crash, checkpoint and rows are lost together and
  -- projected again.
  set_config('synchronous_commit', 'off', true)
