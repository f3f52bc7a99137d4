# Around cyclopts' function for bash: words with colons and equals signs.
_cartograd_whole() {
  # Words as they stand on the line: what nothing but a colon or an equals sign parts is one.
  local -a words=("${COMP_WORDS[0]}")
  local i at=0 rest="${COMP_LINE#*"${COMP_WORDS[0]}"}" before=x word
  for ((i=1; i<=COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
    if [[ $rest != [[:blank:]]* && ( $word == [:=]* || $before == *[:=] ) && $at -gt 0 &&
          ${words[at]} != -* && ${words[at]} != "=" ]]; then
      words[at]+="$word"
    else
      words[++at]="$word"
    fi
    rest="${rest#"${rest%%[![:blank:]]*}"}"
    rest="${rest#"$word"}"
    before="$word"
  done
  local -a COMP_WORDS=("${words[@]}")
  local COMP_CWORD=$at
  _cartograd
  # Bash puts an offer in the place of what stands behind the last mark that parts words.
  local cur="${words[at]}" marks="${COMP_WORDBREAKS//[^:=]/}"
  if [[ -n $marks && $cur == *["$marks"]* ]]; then
    local kept="${cur%"${cur##*["$marks"]}"}"
    COMPREPLY=("${COMPREPLY[@]#"$kept"}")
  fi
  for word in "," "[" "]"; do  # they part no words, and are typed as they are
    COMPREPLY=("${COMPREPLY[@]//\\"$word"/"$word"}")
  done
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:=/] ]] && compopt -o nospace 2>/dev/null
  return 0
}
