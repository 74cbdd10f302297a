-- For wrk: sixteen requests in one write.
init = function()
    requests = string.rep(wrk.format(), 16)
end

request = function()
    return requests
end
