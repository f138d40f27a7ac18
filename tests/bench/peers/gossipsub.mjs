// A node of libp2p's gossipsub for swarm_bench.py: TCP, Noise, Yamux, and gossipsub as it comes (v1.1: degree 6, a
// heartbeat a second, who publishes sends to all its peers). It finds nobody by itself: it is told whom to dial.
//
// usage: node gossipsub.mjs NAME ADDRESS PORT PAYLOAD-BYTES
//
// On standard input: join MULTIADDR..., publish ID, count. On standard output: ready MULTIADDR, joined,
// sent ID NANOSECONDS, got ID NANOSECONDS (wall time), count MESH-PEERS. It ends with its standard input.
import { randomFillSync } from 'node:crypto'
import { createInterface } from 'node:readline'
import { gossipsub } from '@chainsafe/libp2p-gossipsub'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

// Node has it from 22 on; some of the packages call it.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new Promise((yes, no) => { [resolve, reject] = [yes, no] })
  return { promise, resolve, reject }
}

const TOPIC = 'swarm'
const ID_BYTES = 16 // the id comes first in a payload
// Many nodes that start at once on few processors: that is not what is measured.
const TIMEOUT_MS = 60_000
const PATIENT = { dialTimeout: TIMEOUT_MS, inboundUpgradeTimeout: TIMEOUT_MS, protocolNegotiationTimeout: TIMEOUT_MS }
const [, , , address, port, size] = process.argv

const say = line => process.stdout.write(line + '\n')
const now = () => Math.round((performance.timeOrigin + performance.now()) * 1e6)

const node = await createLibp2p({
  addresses: { listen: [`/ip4/${address}/tcp/${port}`] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionManager: PATIENT,
  services: { identify: identify({ timeout: TIMEOUT_MS }), pubsub: gossipsub() }
})
const pubsub = node.services.pubsub
pubsub.addEventListener('message', event => {
  const at = now()
  say(`got ${Buffer.from(event.detail.data.subarray(0, ID_BYTES)).toString('latin1')} ${at}`)
})
pubsub.subscribe(TOPIC)
say(`ready ${node.getMultiaddrs()[0]}`)

for await (const line of createInterface({ input: process.stdin })) {
  const [what, ...words] = line.split(' ')
  if (what === 'join') {
    await Promise.all(words.map(word => node.dial(multiaddr(word))))
    say('joined')
  } else if (what === 'publish') {
    const payload = randomFillSync(Buffer.alloc(Number(size)))
    payload.write(words[0], 'latin1')
    say(`sent ${words[0]} ${now()}`)
    pubsub.publish(TOPIC, payload).catch(error => console.error(`publish: ${error}`))
  } else if (what === 'count') {
    say(`count ${pubsub.getMeshPeers(TOPIC).length}`)
  } else {
    throw new Error(`unknown: ${line}`)
  }
}
process.exit(0)
