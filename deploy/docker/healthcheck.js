// HEALTHCHECK of the image: ends with 0 if the node of this container answers /healthz. With TLS the port speaks https, by a
// certificate that need not name localhost: who answers on one's own loopback is no question of certificates.
import http from 'node:http'
import https from 'node:https'

// Without HTTP nothing tells.
if (process.env.TNL_HTTP === 'off') process.exit(0)
const [, port = '7656'] = /:(\d+)$/.exec(process.env.TNL_HTTP ?? '') ?? []
const target = { host: '127.0.0.1', port: Number(port), path: '/healthz', timeout: 4_000 }

function ask(get, options) {
  return new Promise((resolve) => {
    const request = get({ ...target, ...options }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', () => resolve(false))
  })
}

const isHealthy = (await ask(http.get, {})) || (await ask(https.get, { rejectUnauthorized: false }))
process.exit(isHealthy ? 0 : 1)
