-- So that lists and counts skip images by the index, without parsing the state of each.
ALTER TABLE image_view
  ADD COLUMN disabled integer GENERATED ALWAYS AS (state ->> 'disabled_at' IS NOT NULL) VIRTUAL;
DROP INDEX image_view_newest_first;
CREATE INDEX image_view_newest_first ON image_view (account, created_position DESC, disabled);
