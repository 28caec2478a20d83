"""How the page of a plan looks: light and dark, on a telephone, and printed, with nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib

CSS = """
:root {
  color-scheme: light dark;
  --paper: #f7f6f3; --sheet: #fff; --ink: #1b1d22; --soft: #5d626c; --rule: #e3e0da; --well: #f4f2ee;
  --good: #17703f; --good-well: #e7f4ec; --bad: #a8231b; --bad-well: #fbebe9;
  --change: #855400; --change-well: #fbf2de; --take: #1d5a9e; --take-well: #e8f0fa;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #131519; --sheet: #1b1e24; --ink: #e9e7e3; --soft: #a3a8b2; --rule: #30343d; --well: #22262d;
    --good: #6fd39c; --good-well: #173226; --bad: #ff9a90; --bad-well: #3b1d1c;
    --change: #e9be62; --change-well: #352a14; --take: #8dbcff; --take-well: #1a2b42;
  }
}

* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 16px/1.55 Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
header, main, footer { max-width: 58rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.75rem; }
footer { padding-top: 1.5rem; padding-bottom: 3rem; color: var(--soft); font-size: .8125rem; }
h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -.015em; font-weight: 650; margin: .1rem 0 .35rem; }
h1 i { color: var(--soft); font-style: normal; font-weight: 400; padding: 0 .12em; }
h2 { font-size: 1.0625rem; font-weight: 650; margin: 2.5rem 0 .75rem; }
h3 { font-size: .9375rem; font-weight: 600; margin: 1.1rem 0 .35rem; }
p, ul, dl { margin: .4rem 0; }
ul { padding-left: 1.1rem; }
li + li { margin-top: .25rem; }
code, pre, .diff { font: .8125rem/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
li code, td code { background: var(--well); border-radius: 4px; padding: .1em .35em; }
a { color: inherit; }
:focus-visible { outline: 2px solid var(--take); outline-offset: 2px; border-radius: 6px; }
.soft, .eyebrow, .hint { color: var(--soft); }
.soft { font-weight: 400; }
.eyebrow { font-size: .8125rem; margin: 0; }
.hint { display: block; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .75rem; padding: .5rem .9rem; background: var(--sheet); z-index: 1; }

.counts { display: flex; flex-wrap: wrap; gap: .5rem; list-style: none; padding: 0; margin: 1.25rem 0 0; }
.counts li {
  margin: 0; padding: .35rem .8rem; border: 1px solid var(--rule); border-radius: 10px; background: var(--sheet);
}
.counts b { font-size: 1.125rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; margin: 1.25rem 0 1.75rem; }
.facts dt { color: var(--soft); font-size: .8125rem; }
.facts dd { margin: 0; font-weight: 550; }

.panel, .step, .fold, .scroll { background: var(--sheet); border: 1px solid var(--rule); border-radius: 12px; }
.panel { margin: .75rem 0; padding: .9rem 1.25rem; }
.panel h2 { font-size: .9375rem; margin: 0 0 .3rem; }
.panel ul { margin: 0; }
.panel summary { padding: .3rem 0 0; color: var(--soft); }
.panel.grave { border-left: 4px solid var(--bad); }
.panel.money { border-left: 4px solid var(--change); }
.grave h2, li.grave, .tag.grave { color: var(--bad); }
.money h2, li.money, .tag.money { color: var(--change); }

figure { margin: 0; }
.scroll { padding: 1.1rem; overflow: auto; max-height: 46rem; }
.scroll > svg { display: block; width: 100%; min-width: 40rem; max-width: 52rem; height: auto; margin: 0 auto; }
figcaption { display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; margin: .5rem .25rem 0; }
figcaption, .calls { color: var(--soft); font-size: .8125rem; }
figcaption b { font: 650 .875rem ui-monospace, Menlo, Consolas, monospace; margin-right: .35em; }
svg text { fill: var(--ink); font-family: inherit; }
svg .column, svg .caption { fill: var(--soft); font-size: 11.5px; }
svg .key { font-size: 13px; font-weight: 600; }
svg .sign { font: 650 16px ui-monospace, Menlo, Consolas, monospace; text-anchor: middle; }
.box rect { fill: var(--sheet); stroke: var(--rule); stroke-width: 1.25; }
.box.same .key { font-weight: 450; fill: var(--soft); }
.box.create rect { fill: var(--good-well); stroke: var(--good); }
.box.update rect, .box.move rect, .box.forget rect { fill: var(--change-well); stroke: var(--change); }
.box.delete rect { fill: var(--bad-well); stroke: var(--bad); stroke-dasharray: 5 3; }
.box.delete .key { text-decoration: line-through; }
.box.adopt rect { fill: var(--take-well); stroke: var(--take); }
.box.blocked rect, .box.unknown rect { stroke: var(--bad); stroke-width: 2; }
a.box:hover rect, a.box:focus-visible rect { stroke-width: 2.5; }
.create b, .create .sign { color: var(--good); fill: var(--good); }
.update b, .move b, .forget b, .update .sign, .move .sign, .forget .sign { color: var(--change); fill: var(--change); }
.delete b, .delete .sign, .blocked b, .blocked .sign { color: var(--bad); fill: var(--bad); }
.unknown b, .unknown .sign { color: var(--bad); fill: var(--bad); }
.adopt b, .adopt .sign { color: var(--take); fill: var(--take); }
.edge { fill: none; stroke: var(--soft); stroke-width: 1.25; opacity: .75; }
.edge.new { stroke: var(--good); stroke-width: 2; opacity: 1; }
.edge.gone { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 5 4; opacity: 1; }

.step, .fold { margin: .6rem 0; }
summary { cursor: pointer; padding: .7rem 1.1rem; border-radius: 12px; }
.step summary { display: flex; flex-wrap: wrap; gap: .2rem .6rem; align-items: baseline; list-style: none; }
.step summary::-webkit-details-marker { display: none; }
.step summary::after { content: "show"; margin-left: auto; color: var(--soft); font-size: .8125rem; }
.step[open] summary::after { content: "hide"; }
.step .name { padding-left: 1.6rem; text-indent: -1.6rem; font-weight: 600; }
.step .name b { display: inline-block; width: 1.3rem; text-indent: 0; font-family: ui-monospace, Menlo, monospace; }
.tag {
  padding: 0 .6em; border: 1px solid; border-radius: 99px; color: var(--soft); font-size: .75rem; white-space: nowrap;
}
.body { padding: .2rem 1.25rem 1.1rem; border-top: 1px solid var(--rule); scroll-margin-top: 4rem; }
.fold > .scroll { border-width: 1px 0 0; border-radius: 0 0 12px 12px; }
.fold > ul { padding: 0 1.25rem .9rem 2.25rem; }
.risks { list-style: none; padding: 0; font-weight: 600; }
table { width: 100%; margin: .75rem 0; border-collapse: collapse; font-size: .875rem; }
th { color: var(--soft); font-size: .8125rem; font-weight: 500; text-align: left; }
th, td { padding: .38rem .75rem .38rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
td:first-child { width: 13rem; }
.was { color: var(--bad); }
.now { color: var(--good); }
.diff, .copy { border-radius: 8px; white-space: pre-wrap; }
.diff { margin: .3rem 0 .9rem; padding: .35rem 0; border: 1px solid var(--rule); }
.diff > * {
  display: block; min-height: 1.6em; padding: 0 .75rem 0 2.1rem; text-indent: -1.35rem; text-decoration: none;
}
.diff > *::before { content: attr(data-sign); display: inline-block; width: 1.35rem; text-indent: 0; }
.diff > .note { color: var(--soft); }
.diff > ins { background: var(--good-well); color: var(--good); }
.diff > del { background: var(--bad-well); color: var(--bad); }
.both { background: var(--change-well); }
.both::before { color: var(--change); }
.both ins { color: var(--good); font-weight: 650; }
.both del { color: var(--bad); }
.copy { margin: .35rem 0; padding: .65rem .85rem; background: var(--well); user-select: all; }

@media (max-width: 36rem) {
  body { font-size: 15px; }
  header, main, footer { padding-left: 1rem; padding-right: 1rem; }
  header { padding-top: 1.75rem; }
  h1 { font-size: 1.375rem; }
  .panel, .body { padding-left: 1rem; padding-right: 1rem; }
  table, tbody, tr, td { display: block; }
  thead { position: absolute; left: -99rem; }
  tr { padding: .45rem 0; border-bottom: 1px solid var(--rule); }
  td, td:first-child { width: auto; padding: .1rem 0; border: 0; }
  td[data-head]::before { content: attr(data-head) ": "; color: var(--soft); font-size: .8125rem; }
}
@media print {
  :root {
    color-scheme: light;
    --paper: #fff; --sheet: #fff; --ink: #000; --soft: #444; --rule: #bbb; --well: #f2f2f2;
    --good: #0c5a30; --good-well: #eef7f1; --bad: #8f1a13; --bad-well: #fbefee;
    --change: #6b4300; --change-well: #fbf5e8; --take: #164a85; --take-well: #eef4fb;
  }
  body { font-size: 10.5pt; print-color-adjust: exact; }
  header, main, footer { max-width: none; padding-left: 0; padding-right: 0; }
  .skip, .step summary::after { display: none; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .scroll { max-height: none; overflow: visible; }
  .scroll > svg { min-width: 0; }
  .panel, tr, figure, pre { break-inside: avoid; }
  h2, h3, summary { break-after: avoid; }
}
"""

POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src 'sha256-"
    f"{base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()}'"
)
"""What the page may load: this style sheet, and nothing else."""
