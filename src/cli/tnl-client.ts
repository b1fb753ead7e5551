#!/usr/bin/env node
import { runTnlClient } from './do-hold.js'

process.exit(await runTnlClient(process.argv.slice(2), process.env))
