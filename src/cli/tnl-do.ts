#!/usr/bin/env node
import { runTnlDo } from './do-run.js'

process.exit(await runTnlDo(process.argv.slice(2), process.env))
