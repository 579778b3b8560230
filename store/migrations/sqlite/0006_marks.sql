-- What a follower of the log counts on its own side, as of its position: for the relay, the sequence of
-- the stream's last message.
ALTER TABLE checkpoints ADD COLUMN mark integer NOT NULL DEFAULT 0;
