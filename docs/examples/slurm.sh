#!/bin/sh
# A job array: each task measures one shard of plan.json, on a node of its own.
#   sbatch --array=1-8 slurm.sh
#SBATCH --job-name=pybench
#SBATCH --exclusive
#SBATCH --ntasks=1
#SBATCH --output=slurm-%a.txt
set -eu
shard="$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
run="runs/$SLURM_ARRAY_TASK_ID"
# A task that Slurm starts again goes on where it was, if it is on the same node.
resume=""
if [ -e "$run/run.jsonl" ]; then resume="--resume"; fi
exec pybench compare --plan plan.json --shard "$shard" -o "$run" $resume
