-- Sends the bodies of a file, one a line, again and again.
local requests = {}
local last = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json"
function init()
  for body in io.lines(os.getenv("PEERS_BODIES")) do
    requests[#requests + 1] = wrk.format(nil, "/graphql", nil, body)
  end
end
function request()
  last = last % #requests + 1
  return requests[last]
end
