#!/bin/sh
# The MNIST example on its command line: mnist_test.sh PROGRAM FOLDER
set -u
program=$1
cd "$2" || exit 1
failed=0
fail() { echo "FAILED: $*"; failed=1; }

# expect STATUS TEXT ARGUMENT...: the exit status, and a text in what the program prints.
expect() {
  wanted=$1 text=$2
  shift 2
  output=$("$program" "$@" 2>&1)
  status=$?
  [ "$status" = "$wanted" ] || fail "$* exits with $status, not $wanted: $output"
  case "$output" in *"$text"*) ;; *) fail "$* does not print '$text': $output" ;; esac
}

expect 0 "--learning-rate" --help
expect 0 "0.1.0" --version
expect 2 "received 'gpu:7'" --device gpu:7
expect 2 "'tpu'" --device tpu
expect 2 "--model" --model transformer
expect 2 "--batch-size" --batch-size 0
expect 2 "--batch-size" --batch-size 1.5
expect 2 "--precision" --precision float8
expect 1 "/nonexistent" --data /nonexistent --epochs 1
expect 0 "weights saved to run.weights.h5" --model mlp --epochs 1 --save run.weights.h5
case "$output" in "device "*"; default)"*) ;; *) fail "the first line does not say which device is used: $output" ;; esac
accuracy=$(printf '%s\n' "$output" | sed -n 's/^test accuracy //p')
expect 0 "test accuracy $accuracy" --model mlp --epochs 0 --load run.weights.h5
export STRATA_DEVICE=cpu:1
expect 0 "device cpu:1 (STRATA_DEVICE=cpu:1)" --model mlp --epochs 0 --load run.weights.h5
expect 0 "test accuracy $accuracy" --model mlp --epochs 0 --load run.weights.h5
expect 0 "device cpu:2 (--device cpu:2)" --model mlp --epochs 0 --load run.weights.h5 --device cpu:2
unset STRATA_DEVICE
expect 0 "test accuracy $accuracy" --model mlp --epochs 0 --load run.weights.h5 --batch-size auto
for precision in mixed_bfloat16 mixed_float16; do
  expect 0 "threads, $precision" --model mlp --epochs 1 --precision $precision
  accuracy=$(printf '%s\n' "$output" | sed -n 's/^test accuracy //p')
  case "$accuracy" in 0.9*) ;; *) fail "$precision reaches a test accuracy of $accuracy" ;; esac
done
expect 1 "missing.weights.h5" --model mlp --load missing.weights.h5
expect 1 "objects could not be loaded" --model cnn --load run.weights.h5

# Ctrl-C ends training after the current step, and the program goes on to its end.
rm -f interrupted.txt  # of a run before, which would be taken for this one's
"$program" --model mlp --epochs 1000 >interrupted.txt 2>&1 &
waited=0
until grep -qs "training on" interrupted.txt || [ $waited -ge 120 ]; do sleep 1; waited=$((waited + 1)); done
kill -INT $!
wait $!
[ $? = 0 ] || fail "an interrupted run does not end well: $(cat interrupted.txt)"
grep -q "stopped after the current step" interrupted.txt || fail "Ctrl-C is not answered: $(tail -3 interrupted.txt)"
exit $failed
