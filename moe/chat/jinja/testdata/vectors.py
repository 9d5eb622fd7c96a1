"""Renders the sources below with Jinja2, set up as transformers does for chat
templates, and writes vectors.json: [source, text or null for an error]."""
import datetime, json
from jinja2.exceptions import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARS = {
    "s": "Hello wörld", "e": "", "n": 3, "f": 1.5, "t": True, "z": None,
    "l": [3, 1, 2], "m": [{"role": "user", "content": "hi", "k": 2}, {"role": "tool", "k": 1}],
    "d": {"b": 1, "a": {"x": [1, "y"]}, "items": 5}, "q": "it's <\"&\\\n\t\u007f\u0001\U0001f600>",
    "big": 123456789012345678901234567890, "fl": [1e16, 1e-5, 0.1, 100.0, -0.0, 1.5e300],
    "nested": [{"c": [{"c": []}]}, {"c": []}],
}

SOURCES = r"""
{{ s }}|{{ e }}|{{ n }}|{{ f }}|{{ t }}|{{ z }}|{{ l }}|{{ d }}|{{ u }}|{{ q }}
{{ [q, "a'b", 'a"b', 'é', none, 1.0] }}
{{ (1,) }}{{ () }}{{ (1, 'a') }}{{ 1, 2 }}
{{ {'a': 1, 2: [true]} }}{{ {} }}{{ [] }}
{{ fl }}{{ big }}{{ [big] }}
{{ u.x }}
{{ u['x'] }}
{{ u() }}
{{ z.x }}|{{ z['x'] }}|{{ s.nope }}|{{ n.nope }}|{{ d.nope }}|{{ l[9] }}|{{ l['a'] }}
{{ d.nope.x }}
{{ d.items is callable }}|{{ d['items'] }}|{{ d['keys'] is callable }}|{{ d.get('items') }}|{{ d.get('q', 7) }}|{{ d.get('q') }}
{{ l[0] }}{{ l[-1] }}{{ l[-9] }}{{ s[0] }}{{ s[-1] }}{{ s[7] }}{{ s[99] }}{{ l[true] }}
{{ l[1:] }}{{ l[:-1] }}{{ l[::-1] }}{{ l[::2] }}{{ l[5:] }}{{ l[-2:] }}{{ l[2:0:-1] }}{{ l[:] }}{{ l[none:1] }}
{{ s[1:4] }}{{ s[::-1] }}{{ s[-3:] }}{{ s[6:8] }}{{ (1,2,3)[1:] }}
{{ l[::0] }}
{{ n[1:] }}
{{ 1 + 2 * 3 ** 2 - 4 / 2 }}|{{ 7 // 2 }}|{{ -7 // 2 }}|{{ -7 % 3 }}|{{ 7 % -3 }}|{{ 7.5 % 2 }}|{{ 2 ** -1 }}|{{ 7 // 2.0 }}
{{ 2 ** 3 ** 2 }}|{{ -2 ** 2 }}|{{ 1 - 1 - 1 }}|{{ 10 / 4 * 2 }}
{{ 1 / 0 }}
{{ 1 % 0 }}
{{ 'a' + 'b' }}{{ 'a' * 3 }}{{ 3 * 'a' }}{{ [1] + [2] }}{{ [1] * 2 }}{{ (1,) + (2,) }}{{ 'a' * -1 }}
{{ 'a' + 1 }}
{{ 1 + none }}
{{ 'a' + u }}
{{ [1] + (2,) }}
{{ 'a' ~ 1 ~ none ~ true ~ u ~ [1] }}{{ 1 ~ 2 + 3 }}
{{ true + 1 }}{{ true and 'x' }}{{ '' or 'y' }}{{ 0 and 1 }}{{ not 1 }}{{ not u }}{{ not not 's' }}
{{ 1 == 1.0 }}{{ 1 == true }}{{ 'a' == 'a' }}{{ [1] == [1.0] }}{{ {'a':1} == {'a':1} }}{{ u == w }}{{ none == u }}{{ (1,) == [1] }}{{ '1' == 1 }}
{{ 1 < 2 < 3 }}{{ 1 < 3 < 2 }}{{ 'a' < 'b' }}{{ [1,2] < [1,3] }}{{ 1 != 2 }}{{ 2 >= 2 }}{{ 1 <= 0 }}{{ 'a' > 'B' }}
{{ 'a' < 1 }}
{{ none < 1 }}
{{ 'll' in s }}{{ 'x' not in s }}{{ 3 in l }}{{ 'b' in d }}{{ 1 in d }}{{ '' in '' }}{{ 'a' in u }}{{ not 'a' in 'abc' }}
{{ 1 in 'a' }}
{{ 'a' in none }}
{{ 'a' in n }}
{{ 'A' in 'abc'|upper }}|{{ 'a' in 'b' + 'a' }}|{{ 'x' in ('x' if t else 'y') }}
{{ 'a' if t }}{{ 'a' if not t }}{{ 'a' if not t else 'b' }}{{ 'a' if z else 'b' if e else 'c' }}{{ ('a' if t else 'b') ~ 'c' }}
{{ [1 if t else 2, 3 if e else 4] }}{{ {'a': 1 if e else 2} }}{{ ('x' if e else u.y.z) if not t else 'lazy' }}
{{ u.x if e else 'ok' }}
{{ n is defined }}{{ u is defined }}{{ u is undefined }}{{ z is none }}{{ z is defined }}{{ d.b is defined }}{{ d.q is defined }}{{ d['a']['x'][5] is defined }}
{{ n is number }}{{ n is integer }}{{ f is float }}{{ t is integer }}{{ t is boolean }}{{ t is number }}{{ t is true }}{{ t is false }}{{ n is true }}{{ big is integer }}
{{ s is string }}{{ s is sequence }}{{ s is iterable }}{{ s is mapping }}{{ d is mapping }}{{ d is sequence }}{{ d is iterable }}{{ l is sequence }}{{ l is iterable }}{{ n is iterable }}{{ u is iterable }}{{ u is sequence }}{{ z is iterable }}{{ z is string }}
{{ n is odd }}{{ n is even }}{{ 9 is divisibleby 3 }}{{ 9 is divisibleby(2) }}{{ n is eq 3 }}{{ n is equalto(3) }}{{ n is ne 3 }}{{ n is gt 2 }}{{ n is lt(2) }}{{ n is ge 3 }}{{ n is in [3] }}{{ n is in(l) }}{{ z is sameas none }}{{ t is sameas true }}
{{ n is not odd }}{{ not n is odd }}{{ u is not defined and t }}{{ s is string and n is number or e }}{{ n is number == true }}
{{ 'AB' is upper }}{{ 'ab' is lower }}{{ '1' is upper }}{{ range is callable }}
{{ n is nope }}
{{ n|nope }}
{{ s|upper }}{{ s|lower }}{{ 'aBC dEF'|capitalize }}{{ "they're bill's-friends x_y 3d"|title }}{{ '  a '|trim }}|{{ 'xaxx'|trim('x') }}|{{ n|upper }}{{ u|upper }}{{ z|trim }}
{{ s|length }}{{ l|length }}{{ d|length }}{{ u|length }}{{ s|count }}
{{ n|length }}
{{ l|first }}{{ l|last }}{{ s|first }}{{ s|last }}{{ []|first }}|{{ d|first }}
{{ l|join }}{{ l|join(', ') }}{{ m|join('-', attribute='role') }}{{ ['a', 1, none]|join('/') }}{{ s|join('.') }}
{{ l|sort }}{{ l|sort(reverse=true) }}{{ ['b','A','c']|sort }}{{ ['b','A','c']|sort(case_sensitive=true) }}{{ m|sort(attribute='k')|map(attribute='k')|list }}
{{ l|reverse|list }}{{ 'abc'|reverse }}{{ l|list }}{{ 'abc'|list }}{{ d|list }}
{{ l|sum }}{{ m|sum(attribute='k') }}{{ [1.5, 1]|sum }}{{ []|sum(start=5) }}
{{ l|min }}{{ l|max }}{{ ['b', 'A']|min }}{{ []|max }}|
{{ [1, 1.0, 2, 'a', 'A']|unique|list }}{{ ['b','a','B']|unique|list }}
{{ m|map(attribute='role')|list }}{{ m|map(attribute='content', default='-')|list }}{{ ['a','b']|map('upper')|list }}{{ ['a']|map('replace', 'a', 'c')|join }}{{ l|map('string')|join('+') }}
{{ l|select('odd')|list }}{{ l|reject('odd')|list }}{{ [0, 1, '']|select|list }}{{ m|selectattr('role', 'equalto', 'user')|list }}{{ m|rejectattr('content')|map(attribute='role')|list }}{{ m|selectattr('content', 'defined')|list|length }}{{ l|select('gt', 1)|list }}{{ l|select('in', [1])|list }}
{{ d|items|list }}{{ d.items()|list }}{{ d.keys()|list }}{{ d.values()|list }}{{ d|dictsort }}{{ {'b':1,'A':2}|dictsort(reverse=true) }}{{ {'b':1,'A':2}|dictsort(by='value') }}{{ u|items|list }}
{{ n|items|list }}
{{ u|default('x') }}{{ e|default('x') }}{{ e|default('x', true) }}{{ z|default('x') }}{{ u|d }}|{{ none|d('y', boolean=true) }}
{{ '3'|int }}{{ '3.7'|int }}{{ 'x'|int }}{{ 'x'|int(5) }}{{ 3.9|int }}{{ none|int }}{{ '1.5'|float }}{{ 'x'|float }}{{ 3|float }}{{ -3|abs }}{{ -1.5|abs }}{{ ' 12 '|int }}
{{ 2.5|round }}{{ 3.14159|round(2) }}{{ 2.1|round(0, 'ceil') }}{{ 2.9|round(method='floor') }}{{ 7|round }}
{{ 'a b a'|replace('a', 'x') }}{{ 'aaa'|replace('a', 'b', 2) }}{{ 'a.b'.replace('.', '') }}{{ 'aaa'.replace('a', 'b', 1) }}{{ 'ab'.replace('', '-') }}
{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2, true) }}|{{ 'a\n\nb'|indent(2, blank=true) }}|{{ 'a\nb'|indent('> ') }}
{{ q|e }}{{ s|escape }}{{ s|safe }}{{ n|string }}{{ 'a b  c'|wordcount }}
{{ d|attr('b') }}|{{ m[0]|attr('role') }}|
{{ q|tojson }}
{{ d|tojson }}{{ l|tojson }}{{ {}|tojson }}{{ []|tojson }}{{ none|tojson }}{{ t|tojson }}{{ 'é</script>'|tojson }}{{ (1,2)|tojson }}{{ fl|tojson }}{{ big|tojson }}
{{ d|tojson(indent=2) }}{{ {'a': [], 'b': {}, 'c': [1, {'x': none}]}|tojson(indent=4) }}{{ [1]|tojson(indent=0) }}
{{ d|tojson(sort_keys=true) }}{{ d|tojson(separators=(',', ':')) }}{{ q|tojson(ensure_ascii=true) }}{{ d|tojson(ensure_ascii=false) }}{{ d|tojson(indent=2, separators=(',', ':')) }}
{{ {1: 2, true: 3, none: 4, 1.5: 5}|tojson }}
{{ u|tojson }}
{{ namespace(a=1)|tojson }}
{{ ' a b '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ 'abcab'.rstrip('ab') }}|{{ '\n a'.lstrip('\n') }}
{{ 'a,b,c'.split(',') }}{{ 'a,b,c'.split(',', 1) }}{{ ' a  b '.split() }}{{ ' a  b c '.split(none, 1) }}{{ 'a,b,c'.rsplit(',', 1) }}{{ ' a  b c '.rsplit(none, 1) }}{{ ''.split(',') }}{{ ''.split() }}{{ 'abc'.split('x')[-1].lstrip() }}{{ 'a<>b'.split('<>')[1] }}{{ 'a b'.split(maxsplit=0) }}
{{ 'a'.split('') }}
{{ 'a\nb\r\nc\n'.splitlines() }}{{ 'a\nb'.splitlines(true) }}
{{ s.startswith('He') }}{{ s.endswith('ld') }}{{ s.startswith(('x', 'H')) }}{{ s.startswith('') }}
{{ s.startswith(1) }}
{{ s.upper() }}{{ s.lower() }}{{ s.title() }}{{ 'aB'.capitalize() }}{{ s.find('w') }}{{ s.find('zz') }}{{ s.rfind('l') }}{{ s.count('l') }}{{ s.index('ö') }}{{ 'aaa'.count('aa') }}
{{ s.index('zz') }}
{{ ', '.join(['a', 'b']) }}{{ '-'.join('abc') }}
{{ '12'.isdigit() }}{{ 'a1'.isalpha() }}{{ 'a1'.isalnum() }}{{ ' '.isspace() }}{{ 'AB1'.isupper() }}{{ 'ab'.islower() }}{{ ''.isdigit() }}
{{ 'prefix-x'.removeprefix('prefix-') }}{{ 'x.txt'.removesuffix('.txt') }}
{{ s.nope() }}
{{ l.append(4) }}
{{ d.update({'x': 1}) }}
{{ d.pop('b') }}
{{ l.index(1) }}{{ l.count(3) }}
{{ l.copy() }}{{ d.copy() }}
{% for x in l %}{{ x }}{% endfor %}|{% for x in [] %}a{% else %}none{% endfor %}|{% for x in u %}a{% else %}e{% endfor %}
{% for x in n %}{% endfor %}
{% for x in none %}{% endfor %}
{% for k in d %}{{ k }}{% endfor %}|{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}|{% for k, v in d|items %}{{ k }}{% endfor %}|{% for c in 'añb' %}{{ c }}.{% endfor %}
{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %}{% for (a, b) in [(1, 2)] %}{{ a + b }}{% endfor %}
{% for a, b in [1] %}{% endfor %}
{% for a, b in [(1,2,3)] %}{% endfor %}
{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.cycle('a', 'b') }};{% endfor %}
{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }}{{ loop.previtem is defined }};{% endfor %}
{% for x in [1,1,2] %}{{ loop.changed(x) }}{% endfor %}
{% for x in l if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}
{% for x in l if x > 9 %}{% else %}nothing{% endfor %}
{% for x in range(3) %}{{ x }}{% endfor %}{{ range(1, 7, 2)|list }}{{ range(3, 0, -1)|list }}{{ range(0)|list }}{{ range(5, 1)|list }}
{{ range(200000)|list|length }}
{% for x in range(9) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% break %}
{% for x in nested recursive %}({{ loop.depth }}{{ loop(x.c) }}){% endfor %}
{% for x in l %}{% for y in l %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}
{% set x = 1 %}{% for i in l %}{% set x = x + i %}{{ x }},{% endfor %}{{ x }}
{% set ns = namespace(x=1, y='a') %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.y }}{{ ns.nope }}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}
{% set d.x = 1 %}
{% set x %}a{{ n }}b{% endset %}{{ x }}{% set y | upper %}abc{% endset %}{{ y }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set a, b = b, a %}{{ a }}{{ b }}
{% set x = 1, 2 %}{{ x }}
{% if t %}{% set x = 1 %}{% endif %}{{ x }}
{% if e %}a{% elif n == 3 %}b{% else %}c{% endif %}{% if e %}a{% elif z %}b{% else %}c{% endif %}{% if e %}a{% endif %}
{% if not (t and e) or u %}x{% endif %}{% if n in l and 'H' in s %}y{% endif %}
{% macro f(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(c=5, a=4) }}{{ f() }}{{ f(1)|length }}
{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, x=4) }}{{ f(1) }}
{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}
{% macro f(a) %}{% endmacro %}{{ f(b=2) }}
{% macro f(a) %}{% endmacro %}{{ f(1, a=2) }}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}
{% macro f() %}{{ x }}{{ s }}{% endmacro %}{% set x = 5 %}{{ f() }}
{% macro f() %}{% set s = 'inner' %}{{ s }}{% endmacro %}{{ f() }}{{ s }}
{% macro f() %}{{ a is defined }}{% if a is not defined %}{% set a = 2 %}{% endif %}{{ a }}{% endmacro %}{{ f() }}
{% macro f(x) %}<{{ caller() }}{{ x }}>{% endmacro %}{% call f(1) %}body{{ n }}{% endcall %}
{% macro f() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) f() %}{{ a + b }}{% endcall %}
{% filter upper %}abc{{ s }}{% endfilter %}{% filter replace('a', 'b')|upper %}aa{% endfilter %}
{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% raw %}{{ x }}{% if %}{% endraw %}|{%- raw -%}  a {{ b }}  {%- endraw -%}  c
{# comment #}a{#- x -#} b {#+ #} c
{{ raise_exception('no: ' ~ n) }}
{{ strftime_now('%Y-%m-%d %H:%M:%S %B %b %A %a %d %j %y %I %p %% %-d %-m %e') }}
{{ dict(a=1, b=2) }}{{ dict([('x', 1)]) }}{{ dict({'q': 1}, z=2) }}
{{ 'a' 'b' }}{{ "q\"q" }}{{ 'q\'q' }}{{ 'a\\nb' }}{{ 'a\nb' }}{{ '\\' }}{{ '\x41\u00e9' }}{{ '\d' }}
{{ 1_000 }}{{ 1.5e3 }}{{ 1e2 }}{{ 0.5 }}{{ True }}{{ False }}{{ None }}{{ true }}{{ 10.0 }}
{{ {'a': {'b': {}}} }}{{ {'a': {}}['a'] }}{{ [[1], [2]][1][0] }}{{ (s)[0] }}{{ ('a').upper() }}{{ 'a'.upper()|lower }}{{ d.a.x.0 }}
{{ -n }}{{ +n }}{{ - -n }}{{ -'a' }}
{{ n|string|length }}{{ -n|abs }}{{ (n|string ~ 'x')|upper }}{{ n + l|length }}{{ l|length > 2 }}{{ l|length == 3 and t }}
{{ s.split(' ')[0]|upper ~ '!' }}{{ m[0].role }}{{ m[0]['role'] }}{{ m[-1].get('content') }}{{ m|length - 1 }}{{ m[m|length - 1].role }}
{{ foo
{% if
{% if t %}
{% endif %}
{% for x in %}{% endfor %}
{{ }}
{{ 1 + }}
{{ a b }}
{{ (1 }}
{{ [1 }}
{{ 1) }}
{{ 'a }}
{# open
{% raw %} x
{% nope %}
{% set %}
{% set x = %}
{% macro %}{% endmacro %}
{% else %}
{% for x in l %}{% else %}{% else %}{% endfor %}
{{ f(a=1, 2) }}
{{ a ! b }}
{{ 'x' is }}
{{ x| }}
{{ x. }}
{{ x[] }}
{{ {1} }}
{{ {1:} }}
{% include 'x' %}
{% import 'x' as y %}
{% from 'x' import y %}
{% extends 'x' %}
""".strip("\n").split("\n")

# Sources with newlines in them: white space control.
SOURCES += [
    "a\n{% if t %}\nb\n{% endif %}\nc\n",
    "a\n  {% if t %}  \n  b\n  {% endif %}\n  c\n\n",
    "a  \n  {%- if t -%}  \n  b\n  {%- endif -%}\n  c",
    "a\n  {%+ if t +%}\n  b{% endif +%}\n  c",
    "x {% if t %} y {% endif %} z",
    "  {{ n }}\n  {{ n }}\n{{- n }}\n{{ n -}}\n z",
    "a\n  {# c #}\nb\n {#- c -#} \nd{# e #}\n\nf",
    "  {% set x = 1 %}  {% set y = 2 %}\n {{ x }}{{ y }}\n",
    "{% if t %}\n\n a{% endif %}\n\n",
    "\n\n{{ n }}\n\n",
    "a\r\nb{% if t %}\r\nc{% endif %}\rd\r\n",
    "{{ n\n+ 1\n}}{{ [\n1,\n2,\n] }}{{ s\n  if t\n  else e }}{% if n in\n l %}y{% endif %}{% if t and\nn or(e) %}z{% endif %}",
    "{% for x in l %}\n  {{ x }}\n{% endfor %}\n",
    "{% for x in l -%}\n  {{ x }}\n{%- endfor %}\n",
    "{%- macro f(a) %}\n  {{ a }}\n{%- endmacro %}\n[{{ f(1) }}]",
    "  {% raw %}  \n a {{ }} \n  {% endraw %}  \n b",
    "a {%- raw -%} \n b \n {%- endraw -%} \n c",
    "\u00a0{%- if t -%}\u00a0x\u2003{%- endif -%}",
    "{{ '{{ }} {% %} {# #}' }}{ { } } {%raw%}{{{%endraw%}",
    "{{ {'a': '}}'} }}{{ {'a': {'b': 1}} }}",
    "{{ 'multi\nline' }}{% set x = 'a\n b' %}{{ x }}",
    "{%if t%}a{%endif%}{{n}}{%-if t-%} b {%-endif-%}",
    "\t{% if t %}\t\n\tx\n\t{% endif %}\t\n",
    "{{ s }}\n{% if t %}{% endif %}\n{% if t %}x{% endif %}\ny",
]


def main():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])

    def raise_exception(message):
        raise TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda f: datetime.datetime(2026, 11, 2, 15, 4, 5).strftime(f)
    out = []
    for source in SOURCES:
        try:
            text = env.from_string(source).render(**VARS)
        except Exception:
            text = None
        out.append([source, text])
    with open("vectors.json", "w") as f:
        json.dump({"vars": VARS, "vectors": out}, f, ensure_ascii=False, indent=0)
        f.write("\n")


main()
