/** A thread that reads one auth file, says what it has read, and ends. */
import { parentPort, workerData } from 'node:worker_threads'
import { readAuth } from './auth-schema.js'

parentPort?.postMessage(readAuth(String(workerData)))
