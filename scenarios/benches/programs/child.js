// Passes a word through another program.
const { spawn } = require("child_process");
const cat = spawn("cat");
let output = "";
cat.stdout.on("data", (data) => { output += data; });
cat.on("close", () => process.exit(output === "word" ? 0 : 1));
cat.stdin.end("word");
