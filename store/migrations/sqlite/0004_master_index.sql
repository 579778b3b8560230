-- Whether any image shows a master: edges may have masters, and no other bytes.
CREATE INDEX image_view_by_master ON image_view (state ->> '$.master.digest');
