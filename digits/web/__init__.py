"""The page to draw digits and read photos on: `digits.web.server.serve(host, port)`."""
