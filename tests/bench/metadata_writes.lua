-- For wrk: sets a text on one image after the other. After `--` comes the path of each image's
-- metadata; the headers are those that wrk is given.

local paths
local number = 0

function init(arguments)
  paths = arguments
end

function request()
  number = number + 1
  -- Another text each time: a write that changes nothing makes no event.
  local text = string.format('{"altText":"%d at %d"}', number, os.time())
  return wrk.format("PUT", paths[number % #paths + 1], nil, text)
end
