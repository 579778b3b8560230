-- Whether any image shows a master: edges may have masters, and no other bytes. A stored column and
-- not an index on `state`, so that metadata writes, which leave the master as it is, stay cheap
-- (heap-only) updates.
ALTER TABLE image_view ADD COLUMN master text NOT NULL
  GENERATED ALWAYS AS (state::json #>> '{master,digest}') STORED;
CREATE INDEX image_view_by_master ON image_view (master);
